"""A file with another content, and what it held before."""

from contextlib import contextmanager

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from files.library import services, versions
from files.library.lookup import own_file, own_version
from files.library.quota import OverQuota
from files.models import Version
from files.serving.downloads import file_response
from files.uploads.handler import FIELD, Refusal, StagingHandler, check_connection


@csrf_exempt  # only until the handler is in place: see `receive`
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def replace(request, pk):
    """Show the form for a file's new content, or take it from its `files`."""
    file = own_file(request.user, pk)
    if request.method != "POST":
        return form_page(request, file)
    # Before anything reads the form, which checking its token does.
    handler = StagingHandler(request)
    request.upload_handlers = [handler]
    try:
        return receive(request, file, handler)
    finally:
        handler.release()


@csrf_protect
def receive(request, file, handler):
    """Have the file hold what came in a form that was read through `handler`."""
    check_connection()
    uploads = request.FILES.getlist(FIELD)
    if handler.refusals:
        return form_page(request, file, handler.refusals)
    if len(uploads) != 1:
        return form_page(request, file, [Refusal("", 400, _("Choose one file."))])
    [upload] = uploads
    try:
        kept, outcome = services.replace(file=file, upload=upload, reservation=handler.reservation)
    except (OSError, OverQuota) as error:
        return form_page(request, file, [Refusal.failed(upload.name, error)])
    messages.success(request, outcome.told(kept))
    return redirect(kept)


def form_page(request, file, refusals=()):
    """Return the page with the form, and why nothing was stored."""
    status = refusals[0].status if refusals else 200
    context = {"file": file, "refusals": refusals, "kept_versions": settings.FILE_VERSIONS}
    return render(request, "files/replace.html", context, status=status)


@contextmanager
def gone_is_404():
    """Answer 404 where another request was faster."""
    try:
        yield
    except Version.DoesNotExist:
        raise Http404 from None


@require_safe
@login_required
def download(request, pk, version):
    """Send the bytes that a file held before."""
    return file_response(request, own_version(request.user, pk, version))


@require_POST
@login_required
def restore(request, pk, version):
    """Have a file hold again what it held before."""
    found = own_version(request.user, pk, version)
    with gone_is_404():
        file = versions.restore(found)
    text = _("“%(name)s” has its earlier content again. The other one is kept as a version.")
    messages.success(request, text % {"name": file.filename})
    return redirect(file)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request, pk, version):
    """Delete for good what a file held before, once that is confirmed."""
    found = own_version(request.user, pk, version)
    if request.method != "POST":
        return render(request, "files/version_delete.html", {"version": found, "file": found.file})
    with gone_is_404():
        versions.remove(found)
    messages.success(request, _("The version is gone for good."))
    return redirect(found.file)
