"""Let people into sessions, change what they may do there, and remove them.

What members see is decided in the querysets of sessions_app/models.py. Call the functions that
change something with the session locked (sessions_app.access.locks_session).
"""

from django.contrib.auth import get_user_model
from django.db import transaction

from camp.db.row_locks import lock_rows
from sessions_app.announcements import withdraw
from sessions_app.hand_over import NewOwnerGone, hand_over_session
from sessions_app.models import Member, Session
from sessions_app.revisions import mark_changed

MAX_KNOWN = 30  # people to choose from
# The newest sessions in which people to choose from are looked for, and their newest members.
MAX_SEARCHED = 100


@transaction.atomic
def add_members(session, users, *, may_write, added_by):
    """Let users into a session; None stands for everyone. Returns how many are new.

    What members may do already stays. The owner is left out.
    """
    users = [user for user in users if user is None or user.pk != session.user_id]
    present = set(session.members.values_list("user", flat=True))
    new = [user for user in users if (user and user.pk) not in present]
    Member.objects.bulk_create(
        Member(session=session, user=user, may_write=may_write, added_by=added_by) for user in new
    )
    mark_changed([session.pk])
    return len(new)


@transaction.atomic
def change_member(member, *, may_write):
    """Change whether a member may write."""
    member.may_write = may_write
    member.save(update_fields=["may_write"])
    mark_changed([member.session_id])


@transaction.atomic
def remove_member(member, *, keep_files):
    """Take a member out of a session; the messages stay.

    Files that only this member has attached stay there too, or leave it: they stay their owner's.
    """
    if not keep_files:
        attached_files(member).update(session=None)
    member.delete()
    if member.user_id is None:
        # Added again one day, everyone should not find an old announcement.
        withdraw(session=member.session)
    mark_changed([member.session_id])


def attached_files(member):
    """Return the files in the session of those whom `member` lets in, and nobody else."""
    session = member.session
    if member.user_id is not None:
        return session.files.filter(user=member.user_id)
    named = session.members.exclude(user=None).values("user")
    return session.files.exclude(user=session.user_id).exclude(user__in=named)


@transaction.atomic
def hand_over_to_member(member, *, files):
    """Make a member the owner; the owner until now stays as a member who may write.

    `files` is one of OwnFiles. Raises ValidationError, and changes nothing, if the new owner has
    no room for the files; NewOwnerGone if the account is not active any more.
    """
    session, previous = member.session, member.session.user
    if not lock_rows(get_user_model().objects.filter(pk=member.user_id, is_active=True)):
        raise NewOwnerGone
    hand_over_session(session, member.user, files=files)
    Member.objects.create(session=session, user=previous, may_write=True, added_by=member.user)
    mark_changed([session.pk])


def find_known_people(user):
    """Return a queryset of active users with whom a user shares sessions, at most MAX_KNOWN.

    Only the newest sessions are looked at.
    """
    own = Session.objects.owned_by(user).order_by("-updated_at", "-id").values_list("pk")
    own = list(own[:MAX_SEARCHED])
    members = Member.objects.filter(session__in=[pk for (pk,) in own], user__isnull=False)
    found = list(members.order_by("-id").values_list("user", flat=True)[:MAX_SEARCHED])
    shared = Member.objects.filter(user=user, session__deleted_at=None).order_by("-id")
    found += shared.values_list("session__user", flat=True)[:MAX_SEARCHED]
    keys = list(dict.fromkeys(pk for pk in found if pk not in (None, user.pk)))
    return get_user_model().objects.filter(pk__in=keys[:MAX_KNOWN], is_active=True)
