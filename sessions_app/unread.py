"""What somebody has not read yet in the sessions that others write in.

Unread are the messages of others after the reader's mark (ReadMark). Without a mark it is all of a
shared session, and in one's own what came since somebody was added.
"""

from django.db.models import BooleanField, DateTimeField
from django.db.models.expressions import RawSQL
from django.utils.http import urlencode

from camp.db.keyset import encode
from sessions_app.models import Member, Message, ReadMark, Session

MOST = 99  # a count stops after one more
LAST_ID = 2**62  # after every message of the same time

SESSION = Session._meta.db_table
# Up to where a user has read a session; NULL in an own session that nobody else sees. On both
# databases every time is after the year 1. The parameters are the user, twice.
READ_UP_TO = (
    f"COALESCE((SELECT read_up_to FROM {ReadMark._meta.db_table}"  # noqa: S608
    f" WHERE session_id = {SESSION}.id AND user_id = %s),"
    f" CASE WHEN {SESSION}.user_id = %s THEN (SELECT MIN(added_at)"
    f" FROM {Member._meta.db_table} WHERE session_id = {SESSION}.id)"
    " ELSE '0001-01-01' END)"
)


def unread_sql(session, since):
    """Return the SQL that counts a session's unread messages, up to one more than MOST.

    The arguments are the SQL of its key and of a time. The parameter after theirs is the user.
    """
    return (
        f"SELECT COUNT(*) FROM (SELECT 1 FROM {Message._meta.db_table}"  # noqa: S608
        f" WHERE session_id = {session} AND created_at > {since} AND deleted_at IS NULL"
        f" AND (author_id IS NULL OR author_id <> %s) LIMIT {MOST + 1}) AS unread"
    )


def unread_count(user):
    """Return an expression that counts a session's unread messages; see `unread_sql`."""
    return RawSQL(unread_sql(f"{SESSION}.id", READ_UP_TO), (user.pk,) * 3)  # noqa: S611


def read_up_to(user):
    """Return an expression for the time up to which the user has read a session.

    None for an own session that nobody else sees.
    """
    return RawSQL(READ_UP_TO, (user.pk,) * 2, output_field=DateTimeField())  # noqa: S611


def is_new_announcement(user):
    """Return an expression for whether a session was announced since the user has read it."""
    return RawSQL(f"announced_at > {READ_UP_TO}", (user.pk,) * 2, BooleanField())  # noqa: S611


def find_news(user, session, page):
    """Return what a page of a session shows about unread messages, as a dict.

    `first_unread` is the ID of the first one, or None; `unread_url` leads to those that begin on
    an earlier page, or is "". `session` has the annotation `read_up_to`.
    """
    since, news = session.read_up_to, {"first_unread": None, "unread_url": ""}
    if since is None or not page.rows or page.rows[0].created_at <= since:
        return news
    unread = [row for row in page.rows if row.created_at > since]
    if len(unread) == len(page.rows) and page.next_url:
        # The page of the messages that come after that time.
        news["unread_url"] = f"?{urlencode({'before': encode([since, LAST_ID])})}"
    others = [row.pk for row in unread if row.author_id != user.pk]
    if others:
        news["first_unread"] = others[-1]  # newest first
    return news


def mark_read(user, session, up_to):
    """Note that the user has read a session up to a time, if that is later than noted before.

    `session` has the annotation `read_up_to`. Without a change no query, else one or two.
    """
    if session.read_up_to is None or up_to <= session.read_up_to:
        return
    marks = ReadMark.objects.filter(session=session, user=user)
    # Never back, if two pages are opened at once.
    if not marks.filter(read_up_to__lt=up_to).update(read_up_to=up_to):
        mark = ReadMark(session=session, user=user, read_up_to=up_to)
        ReadMark.objects.bulk_create([mark], ignore_conflicts=True)


def mark_page_read(request, session, page):
    """Note that the reader has seen a page of a session, and its announcement on the last one."""
    seen = [row.created_at for row in page.rows[:1]]
    if session.announced_at and not page.previous_url:
        seen.append(session.announced_at)
    if seen and request.method == "GET" and not is_prefetch(request):
        mark_read(request.user, session, max(seen))


def is_prefetch(request):
    """Return whether a browser loads a page that nobody may ever look at.

    See https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Purpose.
    """
    purpose = request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or ""
    return "prefetch" in purpose
