"""Getting a file back."""

from django.contrib.auth.decorators import login_required
from django.views.decorators.http import require_safe

from files.library.lookup import own_file
from files.serving.downloads import file_response


@require_safe
@login_required
def download(request, pk):
    """Send the bytes of a file."""
    return file_response(request, own_file(request.user, pk))
