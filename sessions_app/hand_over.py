"""Hand sessions over to other users."""

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from camp.db.row_locks import lock_rows
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


class NewOwnerGone(ValidationError):
    """The account of the new owner was deleted or deactivated meanwhile."""

    def __init__(self):
        super().__init__(_("This person's account was deleted or deactivated meanwhile."))


def hand_over_session(session, user, *, files):
    """Make `user` the owner of a session; `files` is one of OwnFiles.

    Raises ValidationError, and changes nothing, if the new owner has no room for the files;
    NewOwnerGone if the account was deleted; Session.DoesNotExist if the session was.
    """
    previous = session.user_id
    try:
        with transaction.atomic():
            lock_rows(Session.objects.filter(pk=session.pk))
            previous = Session.objects.values_list("user", flat=True).get(pk=session.pk)
            if not lock_rows(get_user_model().objects.filter(pk=user.pk)):
                raise NewOwnerGone
            session.user = user
            session.save(update_fields=["user"])
            session.members.filter(user=user).delete()
            handed_over.send(
                sender=Session, session=session, user=user, previous=previous, files=files
            )
    except BaseException:
        session.user_id = previous
        raise
