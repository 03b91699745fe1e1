"""Tell the open pages of sessions that something on them has changed, such as a file.

`session_ids` are primary keys. The place in lists stays, unlike with `Session.touch`.
"""

from django.db import transaction
from django.db.models import F

from camp.db.row_locks import lock_rows
from sessions_app.models import Session


def mark_changed(session_ids):
    """Do so in the transaction that changes it, which has locked the sessions."""
    sessions = Session.objects.filter(pk__in=session_ids)
    with transaction.atomic():
        if len(session_ids) > 1:
            lock_rows(sessions)
        sessions.update(revision=F("revision") + 1)


def mark_changed_on_commit(session_ids):
    """Do so after the commit, for a transaction that has not locked the sessions."""
    if session_ids:
        transaction.on_commit(lambda: mark_changed(session_ids))
