"""Safe previews of files.

Images are shown as thumbnails that Camp makes, text as text, CSV as a table of text, Markdown
through the sanitiser of messages. Only audio, video and PDF are sent as they were uploaded: an
allow-list of types that browsers show without running scripts in our origin, under a policy that
forbids everything else.
"""

from django.http import FileResponse, Http404, HttpResponse
from django.utils.safestring import mark_safe

from camp.web.rendering.code import colour_code, language_of
from files.content_types import Kind
from files.serving import thumbnails
from files.serving.downloads import file_response
from files.serving.tables import read_table
from files.serving.text_decoding import decode_text
from files.storage import backend

TEXT_BYTES = 100 * 2**10
MEDIA = {
    **dict.fromkeys(["audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/x-wav"], "audio"),
    **dict.fromkeys(["audio/flac", "audio/webm", "audio/aac", "audio/opus"], "audio"),
    **dict.fromkeys(["video/mp4", "video/webm", "video/ogg"], "video"),
}
PDF = "application/pdf"
MARKDOWN = "text/markdown"
TABLES = {"text/csv", "text/tab-separated-values"}
# A file that claims to be a PDF and does not begin like one is only offered for saving.
PDF_MAGIC = b"%PDF-"
# Chromium shows no PDF in a sandbox; its viewer runs in another origin.
POLICY = "default-src 'none'; frame-ancestors 'none'"
SANDBOX = f"sandbox; {POLICY}"
# Shown over the icon below a thumbnail. Of one pixel: thumbs.js recognises it by that.
EMPTY_IMAGE = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
RETRY_AFTER = 2  # seconds


class Preview:
    """The preview on the page of a file: `kind` is a word for the template, or ""."""

    def __init__(self, file):
        self.file = file
        self.kind = preview_kind(file)
        self.text, self.code, self.table, self.cut = "", "", None, False
        if self.kind in ("text", "markdown", "table"):
            self.read_text()

    def read_text(self):
        """Read the start of the text; nothing is shown if it is no text or missing."""
        try:
            raw = backend.read_start(self.file.storage_path, TEXT_BYTES + 1)
        except OSError:
            raw = b"\0"
        self.cut = len(raw) > TEXT_BYTES
        text = decode_text(raw[:TEXT_BYTES], cut=self.cut)
        if text is None:
            self.kind = ""
            return
        self.text = text
        if self.kind == "table":
            self.table = read_table(text, cut=self.cut)
            if self.table is None:
                self.kind = "text"
            else:
                self.cut = self.table.cut
        elif self.kind == "text":
            coloured = colour_code(text, language_of(self.file.filename))
            self.code = mark_safe(coloured) if coloured else ""


def preview_kind(file):
    """Return how a file may be shown, by its type: a word, or ""."""
    if thumbnails.may_have(file):
        return "picture"
    if file.media_type == PDF:
        return "pdf"
    if file.media_type in MEDIA:
        return MEDIA[file.media_type]
    if file.media_type == MARKDOWN:
        return "markdown"
    if file.media_type in TABLES:
        return "table"
    return "text" if file.kind == Kind.TEXT else ""


def inline_response(request, file):
    """Return audio, video or PDF for showing in the browser; 404 for anything else."""
    if file.media_type in MEDIA:
        kind, policy = file.media_type, SANDBOX
    elif file.media_type == PDF and has_pdf_magic(file):
        kind, policy = PDF, POLICY
    else:
        return HttpResponse(status=404)
    # Our pages' policy allows only our own origin.
    response = file_response(request, file, same_origin=True)
    if response.status_code in (200, 206, 304):
        headers = response.headers
        headers["Content-Disposition"] = headers["Content-Disposition"].replace(
            "attachment", "inline", 1
        )
        headers["Content-Security-Policy"] = policy
        headers["X-Content-Type-Options"] = "nosniff"
        if not headers["Content-Type"].startswith("multipart/"):
            headers["Content-Type"] = kind
    return response


def has_pdf_magic(file):
    """Return whether the bytes begin like a PDF."""
    try:
        return backend.read_start(file.storage_path, len(PDF_MAGIC)) == PDF_MAGIC
    except OSError:
        return False


def thumbnail_response(file):
    """Return the thumbnail of an image, or an empty image while it is being made.

    Raises Http404.
    """
    try:
        path = thumbnails.get(file)
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
