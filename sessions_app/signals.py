"""What sessions do when accounts are deleted."""

from django.dispatch import receiver

from accounts.lifecycle import deleting_accounts
from camp.db.row_locks import lock_rows
from sessions_app.models import Session


@receiver(deleting_accounts, dispatch_uid="sessions_app.lock_sessions")
def lock_sessions(keys, **kwargs):
    """Lock the sessions of the users `keys`, so that none of them is handed over meanwhile."""
    lock_rows(Session.objects.filter(user__in=keys))
