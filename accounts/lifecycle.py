"""How the first account begins and how accounts end."""

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from accounts import setup_token, throttle
from camp.web.external_references import deletion


class LastOrganiserError(Exception):
    """The account is the last that can look after the place, and others are left in it."""


class AlreadySetUpError(Exception):
    """Somebody else was quicker to use the set-up address."""


def has_administrator():
    """Return whether anybody may do everything; until then the set-up address works."""
    return get_user_model().objects.filter(is_superuser=True).exists()


def make_first_organiser(user, token):
    """Save `user` as the administrator and use the set-up `token` up.

    Raises AlreadySetUpError, with nothing saved, where the token is used or an
    administrator exists. Of several at once, one wins.
    """
    user.is_staff = user.is_superuser = True
    try:
        with transaction.atomic():
            if has_administrator():
                raise AlreadySetUpError
            user.save()
            # Claimed last: a database that fails leaves the token for another try.
            if not setup_token.claim(token):
                raise AlreadySetUpError
    except IntegrityError:
        raise AlreadySetUpError from None


def delete_account(user):
    """Delete a user and everything that belongs to them.

    Raises LastOrganiserError for the last active administrator while others have
    accounts: nobody could let a new one in. Raises StillReferenced where a table that is
    not Camp's refers to the account or to something in it.
    """
    users = get_user_model().objects
    with deletion():
        organisers = users.filter(is_superuser=True, is_active=True)
        # All are locked, in one order: two who leave at once must not both be the last but one.
        keys = list(organisers.order_by("pk").select_for_update().values_list("pk", flat=True))
        if keys == [user.pk] and users.exclude(pk=user.pk).exists():
            raise LastOrganiserError
        pk = user.pk
        user.delete()
    throttle.forgive(pk)
