"""What one request may ask of the admin: its filters, the length of a search, its turn."""

import threading

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.db.search_text import SEARCH_LENGTH, SEARCH_WORDS, normalise
from camp.web.errors import error_response
from camp.web.worker_slots import worker_slots

# Requests to the admin at once. Each may keep a processor busy for seconds, while pages of
# participants take milliseconds.
AT_ONCE = 3
PATIENCE = 0.25  # seconds that a further one waits
RETRY_AFTER = 5  # seconds

_places = threading.BoundedSemaphore(AT_ONCE)


class StrictChangeList(ChangeList):
    """A ChangeList that takes the parameters of its own filters and no others.

    Django also filters by any lookup on the table's own columns. A regular expression then
    holds the interpreter on SQLite, and a prefix reads hidden columns letter by letter.
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


def refuse_lookup(request):
    """Return the answer to parameters that no filter of the list takes: 400."""
    detail = _("This list has no such filter, or not with this value. Choose from its filters.")
    return error_response(request, 400, detail=detail)


def refuse_search(request, text):
    """Return the answer to a search that is too long to be looked for: 400, else None."""
    # Normalised, a single character may be several words.
    if len(text) > SEARCH_LENGTH or len(text := normalise(text)) > SEARCH_LENGTH:
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
    """Return the rendered response of an admin view; 503 while too many others are at work."""
    with worker_slots.paused():  # who waits for a turn keeps nobody else from working
        has_turn = _places.acquire(timeout=PATIENCE)
    if not has_turn:
        detail = _("The administration is busy with other requests. Try again in a moment.")
        return error_response(request, 503, retry_after=RETRY_AFTER, detail=detail)
    try:
        response = view(request, *args, **kwargs)
        # Most rows are read by the template.
        return response.render() if hasattr(response, "render") else response
    finally:
        _places.release()
