"""Looking at a file in the browser."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404
from django.views.decorators.http import require_safe

from files import thumbnails
from files.lookup import own_file
from files.previews import SANDBOX, inline_response


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
    """Send the small picture of a picture."""
    path = thumbnails.get(own_file(request.user, pk))
    if path is None:
        raise Http404
    response = FileResponse(path.open("rb"), content_type="image/webp")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    # The bytes at a storage path never change, and neither does what is made of them.
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response
