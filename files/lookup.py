"""What a request names: files and sessions of the reader's own."""

from django.shortcuts import get_object_or_404

from files.models import File
from sessions_app.access import own_session


def own_file(user, pk):
    """Return the user's file with its session; raise Http404 for any other."""
    return get_object_or_404(File.objects.visible_to(user).select_related("session"), pk=pk)


def own_session_named(user, session_id):
    """Return the user's session with that public ID, None for ""; raise Http404 for any other."""
    # PostgreSQL refuses NUL in a query.
    name = session_id.replace("\x00", "")
    return own_session(user, name) if name else None
