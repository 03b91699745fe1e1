"""What somebody has not read yet in the sessions that others write in.

Unread are the messages of others after the reader's mark (ReadMark). Without a mark it is all of a
shared session, and in one's own what came since somebody was added.
"""

from django.db.models.expressions import RawSQL

from sessions_app.models import Member, Message, ReadMark, Session

MOST = 99  # a count stops after one more

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
UNREAD_COUNT = (
    f"SELECT COUNT(*) FROM (SELECT 1 FROM {Message._meta.db_table}"  # noqa: S608
    f" WHERE session_id = {SESSION}.id AND created_at > {READ_UP_TO}"
    f" AND (author_id IS NULL OR author_id <> %s) LIMIT {MOST + 1}) AS unread"
)


def unread_count(user):
    """Return an expression that counts a session's unread messages, up to one more than MOST."""
    return RawSQL(UNREAD_COUNT, (user.pk,) * 3)  # noqa: S611
