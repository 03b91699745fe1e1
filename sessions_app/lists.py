"""Lists of the sessions that somebody sees: their own and others', joined in order.

Each part is limited to a page before they are joined: one condition with OR would have the database
read all sessions. Shared ones are found by the index of members and then sorted; by the index of
their order PostgreSQL would read the sessions of everyone until it has a page.
"""

from functools import cache
from operator import attrgetter

from django.contrib.auth import get_user_model
from django.db.models import F, IntegerField
from django.db.models.expressions import RawSQL

from camp.db.keyset import KeysetPage, hide_order
from camp.db.search_text import cut_search
from sessions_app.models import Member, Message, Session
from sessions_app.unread import READ_UP_TO, UNREAD_COUNT, unread_count

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
        rows, counts = [], {**count_annotations(), "unread_count": unread_count(self.user)}
        if self.show != SHARED:
            own = queryset.owned_by(self.user).search(self.query)
            own = own.for_list(**counts, is_sharing=is_sharing(self.user))
            rows = super().fetch(own, order, after, count)
            self.is_sharing = self.is_sharing or any(row.is_sharing for row in rows[:1])
        if self.show != MINE and (self.is_sharing or not rows):
            shared = Session.objects.shared_with(self.user).search(self.query).filter(after)
            # By their keys, because SQLite would count the messages of all before it sorts.
            keys = shared.order_by(*map(hide_order, order)).values("pk")[:count]
            found = queryset.filter(pk__in=keys)
            found = found.for_list(**counts, owner_name=F("user__username")).order_by(*order)
            rows += found
            self.is_sharing = self.is_sharing or bool(rows)
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


def list_recent(user):
    """Return the user's unread announcements, and the sessions that changed last, as two lists.

    One query.
    """
    sql = recent_sql()
    rows = list(Session.objects.raw(sql, [user.pk] * sql.count("%s")))
    announcements = [row for row in rows if row.is_new_announcement]
    announcements.sort(key=attrgetter("announced_at"), reverse=True)
    return announcements, [row for row in rows if not row.is_new_announcement][:RECENT]


@cache
def recent_sql():
    """Return the query of `list_recent`; each of its parameters is the user.

    Composed once: Django takes longer to write it than a database to answer it.
    """
    sessions = Session.objects
    parts = [
        sessions.owned_by(0).order_by(*NEWEST_FIRST)[:RECENT],
        sessions.shared_with(0).order_by(*map(hide_order, NEWEST_FIRST))[:RECENT],
        sessions.announced_to(0).order_by("-announced_at")[:ANNOUNCEMENTS],
    ]
    keys = [part.values("pk").query.sql_with_params()[0] for part in parts]
    found = " UNION ALL ".join(f"SELECT pk FROM ({sql}) AS part" for sql in keys)  # noqa: S608
    users = get_user_model()._meta.db_table
    return (
        "SELECT id, session_id, title, updated_at, announced_at,"  # noqa: S608
        f" ({UNREAD_COUNT}) AS unread_count, announced_at > {READ_UP_TO} AS is_new_announcement,"
        f" CASE WHEN user_id <> %s THEN (SELECT username FROM {users}"
        f" WHERE id = {Session._meta.db_table}.user_id) END AS owner_name"
        f" FROM {Session._meta.db_table} WHERE id IN ({found}) ORDER BY updated_at DESC, id DESC"
    )


def is_sharing(user):
    """Return an expression for whether the user is a member of any session."""
    table = Member._meta.db_table
    sql = f"EXISTS (SELECT 1 FROM {table} WHERE user_id = %s OR user_id IS NULL)"  # noqa: S608
    return RawSQL(sql, (user.pk,))  # noqa: S611


def count_annotations():
    """Return annotations with a session's numbers of messages and files.

    As SQL: as expressions, Django took longer to write them than the database to count.
    """
    # The files app is a higher layer: use its relation only.
    files = Session.files.rel.related_model
    return {
        # All minus deleted: an index has the rows of each, and none the two at once.
        "message_count": count_sql(Message) - count_sql(Message, "AND deleted_at IS NOT NULL"),
        "file_count": count_sql(files, "AND deleted_at IS NULL"),
    }


def count_sql(model, condition=""):
    """Return an expression that counts the rows of `model` of a session."""
    own = f"session_id = {Session._meta.db_table}.id {condition}"
    sql = f"SELECT COUNT(*) FROM {model._meta.db_table} WHERE {own}"  # noqa: S608
    return RawSQL(sql, (), IntegerField())  # noqa: S611
