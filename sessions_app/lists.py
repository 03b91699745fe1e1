"""Lists of the sessions that somebody sees: their own and others', joined in order.

Each part is limited to a page before they are joined: one condition with OR would have the database
read all sessions. Shared ones are found by the index of members and then sorted; by the index of
their order PostgreSQL would read the sessions of everyone until it has a page.
"""

from operator import attrgetter

from django.db.models import Case, F, IntegerField, Q, When
from django.db.models.expressions import RawSQL

from camp.db.compiled_query import compile_query
from camp.db.keyset import KeysetPage, hide_order
from camp.db.search_text import cut_search
from sessions_app.models import Member, Message, Session
from sessions_app.unread import is_new_announcement, unread_count

NEWEST_FIRST = ["-updated_at", "-id"]
RECENT = 5  # sessions on the home page
ANNOUNCEMENTS = 5  # of the newest that are unread, on the home page
MINE, SHARED = "mine", "shared"


class SessionPage(KeysetPage):
    """A page of the sessions that a user sees, most recently changed first.

    The parameters are `q`, words in titles and messages, and `show`, MINE or SHARED. `is_sharing`
    tells whether sessions may be shared with the user. One query, and one more if so.
    """

    def __init__(self, user, params):
        self.user = user
        self.query = cut_search(params.get("q", ""))
        self.show = show if (show := params.get("show")) in (MINE, SHARED) else ""
        self.is_sharing = bool(self.show)
        super().__init__(Session.objects.all(), NEWEST_FIRST, params)

    def fetch(self, queryset, order, after, count):
        """Return the first `count` rows after a Q."""
        options = {"query": self.query, "after": after, "order": tuple(order), "count": count}
        rows = []
        if self.show != SHARED:
            rows += read_own(self.user, **options)
            self.is_sharing = self.is_sharing or any(row.is_sharing for row in rows[:1])
        if self.show != MINE and (self.is_sharing or not rows):
            shared = read_shared(self.user, **options)
            self.is_sharing = self.is_sharing or bool(shared)
            rows += shared
        is_descending = order[0].startswith("-")
        return sorted(rows, key=attrgetter("updated_at", "id"), reverse=is_descending)[:count]

    @property
    def filters(self):
        """The filters as dicts with `value`, `url` and `is_current`."""
        for value in ("", MINE, SHARED):
            params = self.params.copy()
            for key in ("after", "before", "show"):
                params.pop(key, None)
            if value:
                params["show"] = value
            yield {
                "value": value,
                "url": f"?{params.urlencode()}",
                "is_current": value == self.show,
            }


@compile_query
def read_own(user, *, query, after, order, count):
    """Return the first sessions of the user after a Q."""
    own = Session.objects.owned_by(user).search(query).filter(after).order_by(*order)[:count]
    return own.for_list(**list_counts(user), is_sharing=is_sharing(user))


@compile_query
def read_shared(user, *, query, after, order, count):
    """Return the first sessions of others that the user is a member of, after a Q."""
    shared = Session.objects.shared_with(user).search(query).filter(after)
    # By their keys, because SQLite would count the messages of all before it sorts.
    keys = shared.order_by(*map(hide_order, order)).values("pk")[:count]
    found = Session.objects.filter(pk__in=keys).order_by(*order)
    return found.for_list(**list_counts(user), owner_name=F("user__username"))


def list_recent(user):
    """Return the user's unread announcements, and the sessions that changed last, as two lists.

    One query.
    """
    rows = read_recent(user)
    announcements = [row for row in rows if row.is_new_announcement]
    announcements.sort(key=attrgetter("announced_at"), reverse=True)
    return announcements, [row for row in rows if not row.is_new_announcement][:RECENT]


@compile_query
def read_recent(user):
    """Return the newest sessions of the user, of others, and the unread announcements."""
    sessions = Session.objects
    parts = [
        sessions.owned_by(user).order_by(*NEWEST_FIRST)[:RECENT],
        sessions.shared_with(user).order_by(*map(hide_order, NEWEST_FIRST))[:RECENT],
        sessions.announced_to(user).order_by("-announced_at")[:ANNOUNCEMENTS],
    ]
    keys = [part.values("pk").query.sql_with_params() for part in parts]
    # SQLite has no LIMIT in the parts of a UNION.
    sql = " UNION ALL ".join(f"SELECT pk FROM ({part}) AS part" for part, _params in keys)  # noqa: S608
    params = [param for _part, params in keys for param in params]
    found = sessions.filter(pk__in=RawSQL(sql, params)).order_by(*NEWEST_FIRST)  # noqa: S611
    return found.for_list(
        unread_count=unread_count(user),
        is_new_announcement=is_new_announcement(user),
        owner_name=Case(When(~Q(user=user), then=F("user__username"))),
    )


def is_sharing(user):
    """Return an expression for whether the user is a member of any session."""
    table = Member._meta.db_table
    sql = f"EXISTS (SELECT 1 FROM {table} WHERE user_id = %s OR user_id IS NULL)"  # noqa: S608
    return RawSQL(sql, (user.pk,))  # noqa: S611


def list_counts(user):
    """Return annotations with a session's numbers of messages, unread messages and files."""
    # The files app is a higher layer: use its relation only.
    files = Session.files.rel.related_model
    return {
        # All minus deleted: an index has the rows of each, and none the two at once.
        "message_count": count_sql(Message) - count_sql(Message, "AND deleted_at IS NOT NULL"),
        "file_count": count_sql(files, "AND deleted_at IS NULL"),
        "unread_count": unread_count(user),
    }


def count_sql(model, condition=""):
    """Return an expression that counts the rows of `model` of a session."""
    own = f"session_id = {Session._meta.db_table}.id {condition}"
    sql = f"SELECT COUNT(*) FROM {model._meta.db_table} WHERE {own}"  # noqa: S608
    return RawSQL(sql, (), IntegerField())  # noqa: S611
