"""Looking at a file in the browser."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse
from django.views.decorators.http import require_safe

from files.library.lookup import own_file
from files.serving import thumbnails
from files.serving.previews import SANDBOX, inline_response

# Over the icon that pages show below a thumbnail. Of one pixel: by that thumbs.js knows it.
NOTHING = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
RETRY_AFTER = 2  # seconds


@require_safe
@login_required
def inline(request, pk):
    """Send sound, video or a PDF for showing."""
    response = inline_response(request, own_file(request.user, pk))
    if response.status_code == 404 and not response.content:
        raise Http404
    return response


@require_safe
@login_required
def thumbnail(request, pk):
    """Send the small picture of a picture; while it is being made, one that shows nothing."""
    try:
        path = thumbnails.get(own_file(request.user, pk))
    except thumbnails.Pending:
        return pending()
    if path is None:
        raise Http404
    response = FileResponse(path.open("rb"), content_type="image/webp")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    # The bytes at a storage path never change, and neither does what is made of them.
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def pending():
    """Return the answer to whoever has to ask for a thumbnail again."""
    response = HttpResponse(NOTHING, content_type="image/svg+xml", status=202)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "no-store"
    response.headers["Retry-After"] = RETRY_AFTER
    return response
