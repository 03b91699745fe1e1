"""Replace the content of a file, and its earlier versions."""

from contextlib import contextmanager

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from files.library import versions
from files.library.quota import OverQuota
from files.library.requests import get_own_file, get_own_version
from files.models import Version
from files.serving.downloads import file_response
from files.uploads import form
from files.uploads.form import FIELD, StagingHandler, check_connection
from files.uploads.refusals import Refusal


@csrf_exempt  # only until the handler is in place: see `receive`
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def replace(request, pk):
    """Show the form for a file's new content, or take it from its `files`."""
    file = get_own_file(request.user, pk)
    if request.method != "POST":
        return form_page(request, file)
    # Before the form is read, which the check of its CSRF token does.
    handler = StagingHandler(request)
    request.upload_handlers = [handler]
    try:
        return receive(request, file, handler)
    finally:
        handler.release()


@csrf_protect
def receive(request, file, handler):
    """Replace the content of the file by that of a form which is read through `handler`."""
    check_connection()
    uploads = request.FILES.getlist(FIELD)
    if handler.refusals:
        return form_page(request, file, handler.refusals)
    if len(uploads) != 1:
        return form_page(request, file, [Refusal("", 400, _("Choose one file."))])
    [upload] = uploads
    try:
        kept, outcome = form.replace(file=file, upload=upload, reservation=handler.reservation)
    except (OSError, OverQuota) as error:
        return form_page(request, file, [Refusal.failed(upload.name, error)])
    messages.success(request, outcome.describe(kept))
    return redirect(kept)


def form_page(request, file, refusals=()):
    """Return the page with the form, and why nothing was stored."""
    status = refusals[0].status if refusals else 200
    context = {"file": file, "refusals": refusals, "kept_versions": settings.FILE_VERSIONS}
    return render(request, "files/replace.html", context, status=status)


@contextmanager
def missing_is_404():
    """Raise Http404 if another request has removed the version."""
    try:
        yield
    except Version.DoesNotExist:
        raise Http404 from None


@require_safe
@login_required
def download(request, pk, version):
    """Send the bytes of an earlier version."""
    return file_response(request, get_own_version(request.user, pk, version))


@require_POST
@login_required
def restore(request, pk, version):
    """Restore an earlier version of a file."""
    version = get_own_version(request.user, pk, version)
    with missing_is_404():
        file = versions.restore(version)
    text = _("“%(name)s” has its earlier content again. The replaced one was kept as a version.")
    messages.success(request, text % {"name": file.filename})
    return redirect(file)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request, pk, version):
    """Delete a version for good, once that is confirmed."""
    version = get_own_version(request.user, pk, version)
    if request.method != "POST":
        return render(
            request, "files/version_delete.html", {"version": version, "file": version.file}
        )
    with missing_is_404():
        versions.remove(version)
    messages.success(request, _("The version was deleted for good."))
    return redirect(version.file)
