"""The reader's language and time zone."""

from django.conf import settings
from django.db import Error as DatabaseError
from django.middleware import locale
from django.utils import timezone, translation

from accounts.time_zones import get_zone


class LocaleMiddleware(locale.LocaleMiddleware):
    """Django's language selection, with the profile's language first.

    Must come after AuthenticationMiddleware. The view gets the same user instance.
    """

    def process_request(self, request):
        super().process_request(request)
        user = _reader(request)
        if user and user.language in dict(settings.LANGUAGES):
            translation.activate(user.language)
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
        return request.user if request.user.is_authenticated else None
    except DatabaseError:
        return None
