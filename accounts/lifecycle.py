"""The first account, and deleting accounts."""

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from accounts import setup_token, throttle
from camp.web.external_references import atomic_deletion


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


def delete_account(user):
    """Delete a user and all of their data.

    Raises LastOrganiserError for the last active administrator while others have accounts. Raises
    StillReferenced if a table that is not Camp's references the account or its data.
    """
    users = get_user_model().objects
    with atomic_deletion():
        organisers = users.filter(is_superuser=True, is_active=True)
        # Lock all administrators in one order, so that two cannot leave concurrently.
        keys = list(organisers.order_by("pk").select_for_update().values_list("pk", flat=True))
        if keys == [user.pk] and users.exclude(pk=user.pk).exists():
            raise LastOrganiserError
        pk = user.pk
        user.delete()
    throttle.reset_failures(pk)
