"""Hand sessions over to other users."""

from django.db import transaction
from django.dispatch import Signal

from sessions_app.models import Session

# Sent in the transaction that changes the owner, with `session`, `user` and `with_files`. The files
# app is a higher layer; it receives this. A receiver may raise ValidationError.
handed_over = Signal()


def hand_over_session(session, user, *, with_files):
    """Make `user` the owner of a session and, `with_files`, of its files; else those leave it.

    Raises ValidationError, and changes nothing, if the new owner has no room for the files.
    """
    with transaction.atomic():
        session.user = user
        session.save(update_fields=["user"])
        handed_over.send(sender=Session, session=session, user=user, with_files=with_files)
