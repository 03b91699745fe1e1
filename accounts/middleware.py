"""The reader, and their language and time zone."""

from django.contrib import auth
from django.contrib.auth import middleware
from django.db import Error as DatabaseError
from django.middleware import locale
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from accounts.login_sessions import verified_user
from accounts.time_zones import get_zone


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Django's, with the user whom the session was read with."""

    def process_request(self, request):
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: get_user(request))


def get_user(request):
    """Return the user of a request, once read; AnonymousUser if nobody is logged in."""
    if not hasattr(request, "_cached_user"):
        request._cached_user = verified_user(request.session) or auth.get_user(request)
    return request._cached_user


class LocaleMiddleware(locale.LocaleMiddleware):
    """Django's language selection, with the profile's language first.

    Must come after AuthenticationMiddleware. The view gets the same user instance.
    """

    def process_request(self, request):
        super().process_request(request)
        user = _reader(request)
        if user and user.chosen_language:
            translation.activate(user.chosen_language)
            request.LANGUAGE_CODE = translation.get_language()
        chosen = get_zone(user.time_zone) if user else None
        if chosen:
            timezone.activate(chosen)
        else:
            timezone.deactivate()

    def process_response(self, request, response):
        timezone.deactivate()
        return super().process_response(request, response)


def _reader(request):
    """Return the logged-in user, or None.

    While the database is down it is None: pages that need the user will fail by themselves, and
    all others still work.
    """
    try:
        is_authenticated = request.user.is_authenticated
    except DatabaseError:
        return None
    # In place of the lazy object, whose attributes lists would read slowly.
    request.user = getattr(request, "_cached_user", request.user)
    return request.user if is_authenticated else None
