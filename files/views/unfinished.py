"""Uploads that stopped: which there are, and giving one up."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from files.models import Upload
from files.navigation import next_url
from files.uploads import resumable, unfinished


@require_safe
@login_required
@never_cache
def listing(request):
    """Tell the upload page which uploads of the reader can go on."""
    return JsonResponse({"uploads": unfinished.told(request.user)})


@require_POST
@login_required
def give_up(request, pk):
    """Remove what came of an upload; a file that it has become meanwhile stays."""
    upload = get_object_or_404(Upload, user=request.user, pk=pk)
    resumable.terminate(upload)
    name = {"name": upload.filename}
    if upload.file_id:
        messages.info(request, _("“%(name)s” was uploaded meanwhile. The file stays.") % name)
    else:
        messages.success(request, _("The upload of “%(name)s” was discarded.") % name)
    return redirect(next_url(request, reverse("files:upload")))
