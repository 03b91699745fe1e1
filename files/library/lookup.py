"""What a request names: files and sessions of the reader's own."""

import re

from django.http import Http404
from django.shortcuts import get_object_or_404

from files.models import File, Version
from sessions_app.access import get_own_session

NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def own_file(user, pk):
    """Return the user's file with its session; raise Http404 for any other."""
    return get_object_or_404(File.objects.visible_to(user).select_related("session"), pk=pk)


def own_file_numbered(user, number):
    """Return the user's file with that number, given as text, None for ""; raise Http404."""
    if not number:
        return None
    if not NUMBER.fullmatch(number):
        raise Http404
    return own_file(user, int(number))


def own_version(user, pk, version):
    """Return an earlier version of the user's file `pk`, with it; raise Http404 for any other."""
    files = File.objects.visible_to(user).filter(pk=pk)
    versions = Version.objects.select_related("file").filter(file__in=files)
    return get_object_or_404(versions, pk=version)


def own_session_named(user, session_id):
    """Return the user's session with that public ID, None for ""; raise Http404 for any other."""
    # PostgreSQL refuses NUL in a query.
    name = session_id.replace("\x00", "")
    return get_own_session(user, name) if name else None
