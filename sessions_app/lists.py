"""Lists of the sessions that somebody sees: their own and others', joined in order.

Each part is limited to a page before they are joined: one condition with OR would have the database
read all sessions. Shared ones are found by the index of members and then sorted; by the index of
their order PostgreSQL would read the sessions of everyone until it has a page.
"""

from operator import attrgetter

from django.db.models import Case, F, Q, When
from django.db.models.expressions import RawSQL

from camp.db.compiled_query import JoinedColumns, compile_query
from camp.db.filtered_page import having_keys
from camp.db.keyset import KeysetPage, hide_order
from camp.db.search_text import cut_search
from sessions_app.models import Member, Message, Session
from sessions_app.unread import is_new_announcement, read_up_to, unread_count, unread_sql

NEWEST_FIRST = ["-updated_at", "-id"]
NEARBY = 400  # shared sessions to search first
RECENT = 5  # sessions on the home page
ANNOUNCEMENTS = 5  # of the newest that are unread, on the home page
MINE, SHARED = "mine", "shared"


class SessionPage(KeysetPage):
    """A page of the sessions that a user sees, most recently changed first.

    The parameters are `q`, words in titles and messages, and `show`, MINE or SHARED. `is_sharing`
    tells whether sessions may be shared with the user. One query, and one more if so, or two for a
    search.
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
            # A common word fills a page from the newest; to search all takes three times as long.
            for newest in (NEARBY, None) if self.query else (None,):
                shared = read_shared(self.user, newest=newest, **options)
                if len(shared) == count:
                    break
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
    return with_counts(own, user, is_sharing=is_sharing(user))


@compile_query
def read_shared(user, *, query, after, order, count, newest):
    """Return the first sessions of others that the user is a member of, after a Q.

    Only the first `newest` of them are searched, all if it is None.
    """
    hidden = [hide_order(key) for key in order]
    shared = Session.objects.shared_with(user).filter(after)
    if newest:
        shared = having_keys(Session.objects.all(), shared.order_by(*hidden)[:newest])
    keys = shared.search(query).order_by(*hidden)[:count]
    # By their keys, because SQLite would look up the marks of all before it sorts.
    found = having_keys(Session.objects.all(), keys).order_by(*order)
    return with_counts(found, user, owner_name=F("user__username"))


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


def with_counts(sessions, user, **annotations):
    """Join a session's numbers of messages, files and unread messages to a page for a list.

    Each table is read once for the whole page: for one session after the other PostgreSQL takes
    twice as long.
    """
    # The files app is a higher layer: use its relation only.
    files = Session.files.rel.related_model
    # All minus deleted: an index has the rows of each, and none the two at once.
    sql = f"""
        WITH page AS ({{rows}})
        SELECT page.*, COALESCE(sent.number, 0) - COALESCE(deleted.number, 0),
            COALESCE(attached.number, 0),
            CASE WHEN page.read_up_to IS NULL THEN 0
                ELSE ({unread_sql("page.id", "page.read_up_to")}) END
        FROM page
        {join_grouped("sent", Message)}
        {join_grouped("deleted", Message, "AND counted.deleted_at IS NOT NULL")}
        {join_grouped("attached", files, "AND counted.deleted_at IS NULL")}
        """  # noqa: S608
    columns = ("message_count", "file_count", "unread_count")
    rows = sessions.for_list(read_up_to=read_up_to(user), **annotations)
    return JoinedColumns(rows, columns, sql, (user.pk,))


def join_grouped(name, model, condition=""):
    """Return SQL that joins the number of rows of `model` of each session of the page."""
    # CROSS JOIN has SQLite begin with the page.
    return (
        f"LEFT JOIN (SELECT page.id, COUNT(*) AS number"  # noqa: S608
        f" FROM page CROSS JOIN {model._meta.db_table} AS counted"
        f" WHERE counted.session_id = page.id {condition} GROUP BY page.id) AS {name}"
        f" ON {name}.id = page.id"
    )
