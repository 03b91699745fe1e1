"""How a file can be looked at without risk.

Pictures are shown as thumbnails of our own making, text as text, Markdown through the wall
that messages go through. Only sound, video and PDF come as they were uploaded, from a list
of types that browsers show without running anything of ours, under a policy that forbids
the rest.
"""

from django.http import HttpResponse

from files.library.kinds import Kind
from files.serving import thumbnails
from files.serving.downloads import file_response
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
# A PDF must say so at once: whatever else claims to be one is only offered for saving.
PDF_BEGINS = b"%PDF-"
# In a sandbox Chromium shows no PDF; its viewer runs nothing of the page's origin.
POLICY = "default-src 'none'; frame-ancestors 'none'"
SANDBOX = f"sandbox; {POLICY}"


class Preview:
    """What the page of a file shows of it: `kind` is a word for the template, or ""."""

    def __init__(self, file):
        self.file = file
        self.kind = kind_of(file)
        self.text, self.cut = "", False
        if self.kind in ("text", "markdown"):
            self.read()

    def read(self):
        """Take the beginning of a text; one that is none, or not there, is not shown."""
        try:
            raw = backend.beginning(self.file.storage_path, TEXT_BYTES + 1)
        except OSError:
            raw = b"\0"
        self.cut = len(raw) > TEXT_BYTES
        text = decode_text(raw[:TEXT_BYTES], cut=self.cut)
        if text is None:
            self.kind = ""
        else:
            self.text = text


def kind_of(file):
    """Return how a file may be shown, judged by its type: a word, or ""."""
    if thumbnails.may_have(file):
        return "picture"
    if file.media_type == PDF:
        return "pdf"
    if file.media_type in MEDIA:
        return MEDIA[file.media_type]
    if file.media_type == MARKDOWN:
        return "markdown"
    return "text" if file.kind == Kind.TEXT else ""


def inline_response(request, file):
    """Return sound, video or PDF for showing in the browser; 404 for anything else."""
    if file.media_type in MEDIA:
        kind, policy = file.media_type, SANDBOX
    elif file.media_type == PDF and begins_like_pdf(file):
        kind, policy = PDF, POLICY
    else:
        return HttpResponse(status=404)
    # What a page shows comes from its own origin: its policy allows nothing else.
    response = file_response(request, file, from_here=True)
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


def begins_like_pdf(file):
    """Return whether the bytes begin as those of a PDF."""
    try:
        return backend.beginning(file.storage_path, len(PDF_BEGINS)) == PDF_BEGINS
    except OSError:
        return False
