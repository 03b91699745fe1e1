"""The first account, and deleting accounts."""

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils import timezone

from accounts import setup_token, throttle
from accounts.models import preserve_log_entries
from camp.db.row_locks import lock_rows
from camp.web import batch_deletion
from camp.web.external_references import atomic_deletion

# Sent at the beginning of the transaction that deletes accounts, with the primary `keys`, for the
# locks that come before those of users: see camp.db.row_locks.
deleting_accounts = Signal()


class LastOrganiserError(Exception):
    """The account is the last active administrator while others exist."""


class AlreadySetUpError(Exception):
    """Someone else used the set-up address first."""


def has_administrator():
    """Return whether an administrator exists; until then the set-up address works."""
    return get_user_model().objects.filter(is_superuser=True).exists()


def create_first_administrator(user, token):
    """Save `user` as administrator and consume the set-up `token`.

    Raises AlreadySetUpError, with nothing saved, if the token is used or an administrator exists.
    Of concurrent calls one wins.
    """
    user.is_staff = user.is_superuser = True
    try:
        with transaction.atomic():
            if has_administrator():
                raise AlreadySetUpError
            user.save()
            # Claimed last, so that a database error leaves the token usable.
            if not setup_token.claim(token):
                raise AlreadySetUpError
    except IntegrityError:
        raise AlreadySetUpError from None


def delete_accounts(users):
    """Delete users and all of their data; returns whether that goes on in the background.

    Accounts with much data are deactivated and marked, and deleted after the commit: nobody can
    use them any more. Raises LastOrganiserError if no active administrator would be left while
    others have accounts, and StillReferenced if a table that is not Camp's references one of them
    or their data.
    """
    model = get_user_model()
    keys = [user.pk for user in users]
    with atomic_deletion():
        deleting_accounts.send(model, keys=keys)
        organisers = model.objects.filter(is_superuser=True, is_active=True)
        # Lock all administrators in one order, so that two cannot leave concurrently.
        left = lock_rows(organisers)
        others = model.objects.exclude(pk__in=keys)
        if left and not set(left) - set(keys) and others.exists():
            raise LastOrganiserError
        is_large = batch_deletion.is_large(model, keys)
        if is_large:
            batch_deletion.mark(model, keys, is_active=False, updated_at=timezone.now())
            for pk in keys:
                batch_deletion.delete_in_background("deletion of an account", delete_marked(pk))
        else:
            lock_rows(model.objects.filter(pk__in=keys))
            batch_deletion.lock_dependents(model, keys)
            for user in users:
                user.delete()
    for pk in () if is_large else keys:
        throttle.reset_failures(pk)
    return is_large


def delete_marked(pk):
    """Delete a marked account and all of its data in batches; yields after each transaction.

    Raises StillReferenced, with that transaction undone.
    """
    yield from preserve_log_entries(pk)
    yield from batch_deletion.delete_in_batches(get_user_model(), [pk])
    throttle.reset_failures(pk)
