"""Get files back: download, preview and ZIP."""

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.utils import timezone
from django.views.decorators.http import require_safe

from camp.web.errors import error_response
from files.library.requests import get_session_or_none, get_visible_file, parse_ids
from files.models import File
from files.serving.downloads import file_response
from files.serving.previews import inline_response, thumbnail_response
from files.serving.zips import MAX_FILES, zip_response


@require_safe
@login_required
def download(request, pk):
    """Send the bytes of a file."""
    return file_response(request, get_visible_file(request.user, pk))


@require_safe
@login_required
def inline(request, pk):
    """Send audio, video or a PDF for showing."""
    response = inline_response(request, get_visible_file(request.user, pk))
    if response.status_code == 404 and not response.content:
        raise Http404
    return response


@require_safe
@login_required
def thumbnail(request, pk):
    """Send the thumbnail of an image; an empty image while it is being made."""
    return thumbnail_response(get_visible_file(request.user, pk))


@require_safe
@login_required
def archive(request):
    """Send files as one ZIP: those of the `session`, or those with the given `id`s."""
    session = get_session_or_none(request.user, request.GET.get("session", ""))
    if session is not None:
        files, name = session.files.present(), f"{session}.zip"
    else:
        files = File.objects.visible_to(request.user)
        files = files.filter(pk__in=parse_ids(request.GET.getlist("id")))
        name = f"camp_{timezone.localdate():%Y%m%d}.zip"
    found = list(files.in_path_order()[: MAX_FILES + 1])
    if not found:
        raise Http404
    if len(found) > MAX_FILES:
        return error_response(request, 413)
    return zip_response(found, name)
