"""Hand sessions over to other users."""

from django.db import models, transaction
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from sessions_app.models import Session

# Sent in the transaction that changes the owner, with `session`, `user`, `previous` (the ID of the
# previous owner, or None) and `files`. The files app is a higher layer; it receives this. A
# receiver may raise ValidationError.
handed_over = Signal()


class OwnFiles(models.TextChoices):
    """What becomes of the previous owner's files in a session that is handed over."""

    STAY = "stay", _("They stay yours, and in the session")
    MOVE = "move", _("They go to the new owner")
    LEAVE = "leave", _("They stay yours, and leave the session")


def hand_over_session(session, user, *, files):
    """Make `user` the owner of a session; `files` is one of OwnFiles.

    Raises ValidationError, and changes nothing, if the new owner has no room for the files.
    """
    previous = session.user_id
    try:
        with transaction.atomic():
            session.user = user
            session.save(update_fields=["user"])
            session.members.filter(user=user).delete()
            handed_over.send(
                sender=Session, session=session, user=user, previous=previous, files=files
            )
    except BaseException:
        session.user_id = previous
        raise
