"""Upload files by a form, and see or remove unfinished uploads."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from camp.web.errors import wants_json
from files.library.requests import get_session_or_none, next_url
from files.models import File, Upload
from files.uploads import batches, resumable, unfinished
from files.uploads.form import FIELD, StagingHandler, check_connection, store_all
from files.uploads.refusals import Refusal

# Refusals, and duplicates, that are named one by one after an upload.
MAX_NAMED = 10


@csrf_exempt  # only until the handler is in place: see `receive`
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request):
    """Show the upload form, or store its `files`, in the session `session` if given."""
    if request.method == "POST" and wants_json(request) and not request.user.is_authenticated:
        return json_response([], [Refusal("", 401, _("You are logged out. Log in and try again."))])
    return upload_logged_in(request)


@login_required
def upload_logged_in(request):
    """Do the same after the log-in is checked: until then, no byte of a body is read."""
    if request.method != "POST":
        session_id = request.GET.get("session", "")
        return form_page(request, get_session_or_none(request.user, session_id, to_add=True))
    # Before the form is read, which the check of its CSRF token does.
    handler = StagingHandler(request)
    request.upload_handlers = [handler]
    try:
        return receive(request, handler)
    finally:
        handler.release()


@csrf_protect
def receive(request, handler):
    """Store the files of a form that is read through `handler`."""
    session_id = request.POST.get("session", "")
    check_connection()
    session = get_session_or_none(request.user, session_id, to_add=True)
    uploads = request.FILES.getlist(FIELD)
    files, failed = store_all(
        user=request.user, uploads=uploads, session=session, reservation=handler.reservation
    )
    refusals = [
        *handler.refusals,
        *(Refusal.failed(upload.name, error) for upload, error in failed),
    ]
    if not files and not refusals:
        refusals = [Refusal("", 400, _("Choose at least one file."))]
    if wants_json(request):
        return json_response(files, refusals)
    if not files:
        return form_page(request, session, refusals)
    report(request, files, refusals)
    return redirect(files[0].session or "files:list")


def form_page(request, session, refusals=()):
    """Return the page with the form, and why nothing was stored."""
    context = {"session": session, "refusals": refusals, "max_size": settings.MAX_UPLOAD_SIZE}
    status = refusals[0].status if refusals else 200
    return render(request, "files/upload.html", context, status=status)


def json_response(files, refusals):
    """Return the result for each file as JSON: 201 if any was stored, else the first refusal's."""
    earlier = File.objects.earlier(files)
    stored = [
        {
            "id": file.pk,
            "name": file.filename,
            "folder": file.folder or "",
            "size": file.size,
            "url": file.get_absolute_url(),
            "same_as": describe_duplicate(earlier.get(file)),
        }
        for file in files
    ]
    errors = [{"name": refusal.name, "message": refusal.message} for refusal in refusals]
    status = 201 if stored else refusals[0].status
    return JsonResponse({"files": stored, "errors": errors}, status=status)


def describe_duplicate(file):
    """Return an earlier file with the same content as JSON values, None without one."""
    return file and {"name": file.filename, "url": file.get_absolute_url()}


def report(request, files, refusals):
    """Add messages that say what was stored, and what was not."""
    if len(files) == 1:
        text = _("“%(name)s” was uploaded.") % {"name": files[0].filename}
    else:
        text = ngettext(
            "%(count)d file was uploaded.", "%(count)d files were uploaded.", len(files)
        )
        text %= {"count": len(files)}
    messages.success(request, text)
    report_duplicates(request, files)
    for refusal in refusals[:MAX_NAMED]:
        messages.error(request, str(refusal))
    rest = len(refusals) - MAX_NAMED
    if rest > 0:
        text = ngettext(
            "%(count)d more file was not stored.", "%(count)d more files were not stored.", rest
        )
        messages.error(request, text % {"count": rest})


def report_duplicates(request, files):
    """Add messages that name files which the user already had."""
    earlier = list(File.objects.earlier(files).items())
    for file, other in earlier[:MAX_NAMED]:
        text = format_html(
            _("“{name}” has the same content as “{other}”."),
            name=link_to_file(file),
            other=link_to_file(other),
        )
        messages.info(request, text)
    rest = len(earlier) - MAX_NAMED
    if rest > 0:
        text = ngettext(
            "%(count)d more file has the same content as an earlier one.",
            "%(count)d more files have the same content as earlier ones.",
            rest,
        )
        messages.info(request, text % {"count": rest})


def link_to_file(file):
    """Return a link to a file's page, with its name."""
    return format_html('<a href="{}" dir="auto">{}</a>', file.get_absolute_url(), file.path)


@require_safe
@login_required
@never_cache
def unfinished_uploads(request):
    """Return what the script of the upload page needs for a batch of files.

    That is the user's unfinished uploads, and the signed time of the batch.
    """
    uploads = unfinished.describe_unfinished(request.user)
    return JsonResponse({"uploads": uploads, "batch": batches.start_batch(request.user)})


@require_POST
@login_required
def remove_upload(request, pk):
    """Remove an unfinished upload; a file that it has become meanwhile stays."""
    upload = get_object_or_404(Upload, user=request.user, pk=pk)
    resumable.terminate(upload)
    name = {"name": upload.filename}
    if upload.file_id:
        messages.info(
            request,
            _("“%(name)s” has been uploaded completely meanwhile, so the file was kept.") % name,
        )
    else:
        messages.success(request, _("The upload of “%(name)s” was discarded.") % name)
    return redirect(next_url(request, reverse("files:upload")))
