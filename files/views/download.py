"""Get files back: download, preview and ZIP."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from camp.web.errors import error_response
from files.library.requests import get_own_file, get_own_session_or_none, parse_ids
from files.models import File
from files.serving import thumbnails
from files.serving.downloads import file_response
from files.serving.previews import SANDBOX, inline_response
from files.serving.zips import MAX_FILES, zip_response

# Shown over the icon below a thumbnail. Of one pixel: thumbs.js recognises it by that.
EMPTY_IMAGE = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
RETRY_AFTER = 2  # seconds


@require_safe
@login_required
def download(request, pk):
    """Send the bytes of a file."""
    return file_response(request, get_own_file(request.user, pk))


@require_safe
@login_required
def inline(request, pk):
    """Send audio, video or a PDF for showing."""
    response = inline_response(request, get_own_file(request.user, pk))
    if response.status_code == 404 and not response.content:
        raise Http404
    return response


@require_safe
@login_required
def thumbnail(request, pk):
    """Send the thumbnail of an image; an empty image while it is being made."""
    try:
        path = thumbnails.get(get_own_file(request.user, pk))
    except thumbnails.Pending:
        return pending_thumbnail()
    if path is None:
        raise Http404
    response = FileResponse(path.open("rb"), content_type="image/webp")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    # The bytes at a storage path never change, and neither does their thumbnail.
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def pending_thumbnail():
    """Return the response that has the browser ask again."""
    response = HttpResponse(EMPTY_IMAGE, content_type="image/svg+xml", status=202)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "no-store"
    response.headers["Retry-After"] = RETRY_AFTER
    return response


@require_safe
@login_required
def archive(request):
    """Send files as one ZIP: those of the `session`, or those with the given `id`s."""
    files = File.objects.visible_to(request.user)
    session = get_own_session_or_none(request.user, request.GET.get("session", ""))
    if session is not None:
        files, name = files.filter(session=session), f"{session}.zip"
    else:
        files = files.filter(pk__in=parse_ids(request.GET.getlist("id")))
        name = f"camp_{timezone.localdate():%Y%m%d}.zip"
    found = list(files.in_path_order()[: MAX_FILES + 1])
    if not found:
        raise Http404
    if len(found) > MAX_FILES:
        return error_response(request, 413)
    return zip_response(found, name)
