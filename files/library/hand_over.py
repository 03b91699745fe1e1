"""Hand files over to other users, with their earlier versions."""

from itertools import islice

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from camp.db.row_locks import lock_rows
from camp.templatetags.camp import readable_bytes
from files.library import quota
from files.models import File, Upload, Version
from sessions_app.hand_over import OwnFiles

BATCH_SIZE = 1000  # rows of a statement: one for all might exceed the time limit of statements


def hand_over_files(files, user):
    """Make `user` the owner of the files of a queryset; returns how many were somebody else's.

    A file leaves its session unless that is the new owner's too, and no longer is in the links
    that its old owner shared. Raises ValidationError, and changes nothing, if the new owner has no
    room.
    """
    with transaction.atomic():
        lock_rows(get_user_model().objects.filter(pk=user.pk))
        # Locked, so that no new content comes in meanwhile.
        locked = files.exclude(user=user).select_for_update(of=("self",)).order_by("pk")
        owners = dict(locked.values_list("pk", "user_id"))
        if not owners:
            return 0
        batches = list(make_batches(owners))
        size = sum(size_of(keys) for keys in batches)
        try:
            with quota.reserve(user.pk, size):
                for keys in batches:
                    moved = File.objects.filter(pk__in=keys)
                    moved.mark_sessions_changed()
                    moved.update(user=user)
                    moved.exclude(session__user=user).update(session=None)
        except quota.OverQuota as error:
            values = {
                "user": user,
                "left": readable_bytes(error.left),
                "size": readable_bytes(size),
            }
            text = _("%(user)s has room for %(left)s; the files need %(size)s.")
            raise ValidationError(text % values) from None
        for owner in {user.pk, *owners.values()}:
            quota.forget_usage(owner)
    return len(owners)


def hand_over_files_of_session(session, user, previous, files):
    """Do with the files of the owner until now what `files`, one of OwnFiles, says.

    `user` is the new owner of the session, `previous` the ID of the one until now, or None. The
    files of members stay theirs, and in the session.
    """
    own = session.files.filter(user=previous)
    if files == OwnFiles.MOVE:
        hand_over_files(own, user)
    elif files == OwnFiles.LEAVE:
        for keys in make_batches(own.values_list("pk", flat=True)):
            File.objects.filter(pk__in=keys).update(session=None)
    if files != OwnFiles.STAY:
        # An unfinished upload stays its owner's.
        Upload.objects.filter(session=session, user=previous).update(session=None)


def make_batches(keys):
    """Yield lists of up to BATCH_SIZE of some keys."""
    keys = iter(list(keys))
    while batch := list(islice(keys, BATCH_SIZE)):
        yield batch


def size_of(keys):
    """Return the bytes of some files, earlier versions included."""
    rows = (File.objects.filter(pk__in=keys), Version.objects.filter(file__in=keys))
    return sum(one.aggregate(bytes=Sum("size", default=0))["bytes"] for one in rows)
