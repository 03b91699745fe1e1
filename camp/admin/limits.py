"""Limits of admin requests: filters, length of searches, concurrency."""

import threading

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.db.search_text import SEARCH_LENGTH, SEARCH_WORDS, normalize_for_search
from camp.web.errors import error_response
from camp.web.slots import worker_slots

# Concurrent admin requests. Each can keep a processor busy for seconds, while pages of
# participants take milliseconds.
AT_ONCE = 3
PATIENCE = 0.25  # seconds that a further one waits
RETRY_AFTER = 5  # seconds

_places = threading.BoundedSemaphore(AT_ONCE)


class StrictChangeList(ChangeList):
    """A ChangeList that accepts the parameters of its own filters only.

    Django accepts any lookup on the table's own columns. A regular expression then blocks the
    interpreter on SQLite, and a prefix lookup reveals hidden columns letter by letter.
    """

    def get_filters(self, request):
        try:
            filters = super().get_filters(request)
        except IncorrectLookupParameters:
            raise DisallowedModelAdminLookup from None
        _specs, _has_filters, remaining, *_rest = filters
        if remaining:
            raise DisallowedModelAdminLookup(f"No filter takes {', '.join(remaining)}.")
        return filters

    def get_queryset(self, request, exclude_parameters=None):
        try:
            return super().get_queryset(request, exclude_parameters)
        except IncorrectLookupParameters:
            raise DisallowedModelAdminLookup from None


def refuse_lookup(request, detail=""):
    """Return 400 for parameters that no filter of the list accepts, with a sentence about it."""
    general = _("This list has no such filter, or not with this value. Choose from its filters.")
    return error_response(request, 400, detail=detail or general)


def refuse_search(request, text):
    """Return 400 for a search that is too long, else None."""
    # Normalised, a single character may be several words.
    if len(text) > SEARCH_LENGTH or len(text := normalize_for_search(text)) > SEARCH_LENGTH:
        detail = ngettext(
            "Search for at most %(count)d character.",
            "Search for at most %(count)d characters.",
            SEARCH_LENGTH,
        )
        return error_response(request, 400, detail=detail % {"count": SEARCH_LENGTH})
    if len(text.split()) > SEARCH_WORDS:
        detail = ngettext(
            "Search for at most %(count)d word.",
            "Search for at most %(count)d words.",
            SEARCH_WORDS,
        )
        return error_response(request, 400, detail=detail % {"count": SEARCH_WORDS})
    return None


def answer_in_turn(view, request, *args, **kwargs):
    """Return the rendered response of an admin view; 503 if too many others are running."""
    with worker_slots.paused():  # waiting requests give up their worker slot
        has_turn = _places.acquire(timeout=PATIENCE)
    if not has_turn:
        detail = _("The administration is busy with other requests. Try again in a moment.")
        return error_response(request, 503, retry_after=RETRY_AFTER, detail=detail)
    try:
        response = view(request, *args, **kwargs)
        # Rendering runs most of the queries.
        return response.render() if hasattr(response, "render") else response
    finally:
        _places.release()
