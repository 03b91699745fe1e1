"""Announcements: sessions that stand on top of everyone's home page until they are read."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from sessions_app.models import Member, Session

PERMISSION = "sessions_app.share_with_everyone"


def is_for_everyone(session):
    """Return whether everyone sees a session. One query."""
    return session.members.filter(user=None).exists()


@transaction.atomic
def announce(*, session, user):
    """Announce a session, again if it was before; everyone may read it from now on."""
    Member.objects.get_or_create(session=session, user=None, defaults={"added_by": user})
    set_announced(session, timezone.now())


def withdraw(*, session):
    """Take an announcement off the home pages; everyone still sees the session."""
    set_announced(session, None)


def set_announced(session, moment):
    """Store since when a session is announced, or None."""
    Session.objects.filter(pk=session.pk).update(announced_at=moment, revision=F("revision") + 1)
