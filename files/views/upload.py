"""Taking files in."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from camp.web.errors import wants_json
from files.library import services
from files.library.lookup import own_session_named
from files.models import File
from files.uploads.handler import FIELD, Refusal, StagingHandler, check_connection

# Refusals, and duplicates, that the page after an upload names one by one.
NAMED = 10


@csrf_exempt  # only until the handler is in place: see `receive`
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request):
    """Show the upload form, or keep its `files`, in the session `session` if given."""
    if request.method == "POST" and wants_json(request) and not request.user.is_authenticated:
        return answer_json([], [Refusal("", 401, _("You are logged out. Log in and try again."))])
    return members_upload(request)


@login_required
def members_upload(request):
    """Do the same for who is logged in: before that, no byte of a body is read."""
    if request.method != "POST":
        return form_page(request, own_session_named(request.user, request.GET.get("session", "")))
    # Before anything reads the form, which checking its token does.
    handler = StagingHandler(request)
    request.upload_handlers = [handler]
    try:
        return receive(request, handler)
    finally:
        handler.release()


@csrf_protect
def receive(request, handler):
    """Keep the files of a form that was read through `handler`."""
    session_id = request.POST.get("session", "")
    check_connection()
    session = own_session_named(request.user, session_id)
    uploads = request.FILES.getlist(FIELD)
    files, failed = services.store_all(
        user=request.user, uploads=uploads, session=session, reservation=handler.reservation
    )
    refusals = [*handler.refusals, *(Refusal.failed(part.name, error) for part, error in failed)]
    if not files and not refusals:
        refusals = [Refusal("", 400, _("Choose at least one file."))]
    if wants_json(request):
        return answer_json(files, refusals)
    if not files:
        return form_page(request, session, refusals)
    report(request, files, refusals)
    return redirect(session or "files:list")


def form_page(request, session, refusals=()):
    """Return the page with the form, and why nothing was stored."""
    context = {"session": session, "refusals": refusals, "max_size": settings.MAX_UPLOAD_SIZE}
    status = refusals[0].status if refusals else 200
    return render(request, "files/upload.html", context, status=status)


def answer_json(files, refusals):
    """Return what became of each file: 201 if any was stored, else why the first was not."""
    earlier = File.objects.earlier(files)
    kept = [
        {
            "id": file.pk,
            "name": file.filename,
            "size": file.size,
            "url": file.get_absolute_url(),
            "same_as": same_json(earlier.get(file)),
        }
        for file in files
    ]
    errors = [{"name": refusal.name, "message": refusal.message} for refusal in refusals]
    status = 201 if kept else refusals[0].status
    return JsonResponse({"files": kept, "errors": errors}, status=status)


def same_json(file):
    """Return what is told of an earlier file with the same content, None without one."""
    return file and {"name": file.filename, "url": file.get_absolute_url()}


def report(request, files, refusals):
    """Tell the reader on the next page what was kept, and what was not."""
    if len(files) == 1:
        text = _("“%(name)s” was uploaded.") % {"name": files[0].filename}
    else:
        text = ngettext(
            "%(count)d file was uploaded.", "%(count)d files were uploaded.", len(files)
        )
        text %= {"count": len(files)}
    messages.success(request, text)
    report_duplicates(request, files)
    for refusal in refusals[:NAMED]:
        messages.error(request, str(refusal))
    rest = len(refusals) - NAMED
    if rest > 0:
        text = ngettext(
            "%(count)d more file was not stored.", "%(count)d more files were not stored.", rest
        )
        messages.error(request, text % {"count": rest})


def report_duplicates(request, files):
    """Tell which files the reader had before; their pages offer to delete one of two."""
    earlier = list(File.objects.earlier(files).items())
    for file, other in earlier[:NAMED]:
        text = format_html(
            _("“{name}” has the same content as “{other}”."), name=link(file), other=link(other)
        )
        messages.info(request, text)
    rest = len(earlier) - NAMED
    if rest > 0:
        text = ngettext(
            "%(count)d more file has the same content as an earlier one.",
            "%(count)d more files have the same content as earlier ones.",
            rest,
        )
        messages.info(request, text % {"count": rest})


def link(file):
    """Return a link to a file's page, with its name."""
    return format_html('<a href="{}" dir="auto">{}</a>', file.get_absolute_url(), file.filename)
