"""Resumable uploads by the tus protocol, version 1.0.0: https://tus.io/protocols/resumable-upload

Core, and the extensions creation, creation-with-upload, expiration, termination and
checksum. Errors are plain text in the reader's language. A HEAD request with
`Want-Repr-Digest: sha-256=1` (RFC 9530) is told the SHA-256 of the bytes received so far, so
that a client can compare them with its file before it sends the rest; and one that names the
SHA-256 of its file in Upload-Metadata (`sha256`, in hex) gets only that file kept.
"""

import base64
import binascii
import contextlib
import re
import time
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, UnreadablePostError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from camp.templatetags.camp import readable_bytes
from camp.web.public_address import has_own_port
from files.library.lookup import own_file_numbered, own_session_named
from files.library.quota import OverQuota
from files.models import Upload
from files.uploads import resumable, single_request
from files.uploads.handler import Refusal
from files.uploads.upload_parts import Superseded

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
ALGORITHMS = ("sha1", "sha256")
BODY = "application/offset+octet-stream"
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
OVERRIDDEN = {"PATCH", "DELETE", "HEAD"}
# Of extensions that are not offered. To ignore one would store another file than was meant.
NOT_OFFERED = ("Upload-Concat", "Upload-Defer-Length")
WANTS_DIGEST = re.compile(r"(?:^|,)\s*sha-256\s*=\s*(?:[1-9]|10)\s*(?:,|$)", re.ASCII)
CHECKSUM_MISMATCH = 460
NO_ROOM = 507
LINGER = 10  # seconds


class Refused(Exception):
    """What the client asked for cannot be: a status and a sentence."""

    def __init__(self, status, sentence=""):
        super().__init__(status)
        self.status, self.sentence = status, sentence


def tus(view):
    """Have a view speak tus: version, method override, and errors as answers."""

    @wraps(view)
    def speaking(request, *args, **kwargs):
        override = request.headers.get("X-HTTP-Method-Override", "").upper()
        if request.method == "POST" and override in OVERRIDDEN:
            request.method = override
        try:
            if request.method == "OPTIONS":
                response = options()
            elif request.headers.get("Tus-Resumable") != VERSION:
                raise Refused(412, _("This address speaks version 1.0.0 of tus."))
            elif not request.user.is_authenticated:
                raise Refused(403, _("You are logged out. Log in and try again."))
            else:
                response = view(request, *args, **kwargs)
        except Refused as refused:
            response = plain(refused.status, refused.sentence)
        except Http404:
            response = plain(404)
        response.headers["Tus-Resumable"] = VERSION
        if response.status_code == 412:
            response.headers["Tus-Version"] = VERSION
        return response

    return speaking


@tus
@require_http_methods(["OPTIONS", "POST"])
def uploads(request):
    """Begin an upload, perhaps with its first bytes."""
    refuse_not_offered(request)
    length = number(request, "Upload-Length")
    if length > settings.MAX_UPLOAD_SIZE:
        size = readable_bytes(settings.MAX_UPLOAD_SIZE)
        raise Refused(413, _("The file is larger than the limit of %(size)s.") % {"size": size})
    raw = request.headers.get("Upload-Metadata", "")
    metadata = parsed_metadata(raw)
    if request.content_type == BODY:
        check_body(request, length)
    about = {
        "user": request.user,
        "length": length,
        "filename": metadata.get("filename", ""),
        "content_type": metadata.get("filetype", ""),
        "metadata": raw,
        "session": own_session_named(request.user, metadata.get("session", "")),
        "replaces": replaced(request.user, metadata.get("replaces", "")),
    }
    name = about["filename"]
    if comes_whole(request, length):
        key = metadata.get("key", "")
        upload = guarded(name, single_request.receive, request, key=key, **about)
        tell(request, upload)
    else:
        upload = guarded(name, resumable.create, **about)
        if length == 0 or has_body(request):
            take(request, upload, 0)
    response = answer(upload, 201)
    path = reverse("uploads:upload", args=[upload.pk])
    response.headers["Location"] = (
        request.build_absolute_uri(path) if has_own_port(request) else path
    )
    return response


def replaced(user, number):
    """Return the file of that number, which an upload is to replace, or None for ""."""
    try:
        return own_file_numbered(user, number)
    except Http404:
        raise Refused(404, _("The file to replace is in the trash or gone.")) from None


@tus
@require_http_methods(["OPTIONS", "HEAD", "PATCH", "DELETE"])
def upload(request, pk):
    """Tell how far an upload is, take its next bytes, or give it up."""
    own = Upload.objects.filter(user=request.user).select_related("file", "session")
    found = get_object_or_404(own, pk=pk)
    if request.method == "DELETE":
        resumable.terminate(found)
        return HttpResponse(status=204)
    if request.method == "HEAD":
        return progress(request, found)
    refuse_not_offered(request)
    if request.content_type != BODY:
        raise Refused(415, _("The bytes must be sent as %(type)s.") % {"type": BODY})
    if "Upload-Length" in request.headers and number(request, "Upload-Length") != found.length:
        raise Refused(400, _("Upload-Length differs from what the upload began with."))
    take(request, found, number(request, "Upload-Offset"))
    return answer(found, 204)


def progress(request, upload):
    """Return the answer to HEAD; with the digest of what has arrived, if the client wants it."""
    guarded(upload.filename, resumable.settle, upload)
    response = told(upload)
    if WANTS_DIGEST.search(request.headers.get("Want-Repr-Digest", "")):
        digest = guarded(upload.filename, resumable.received_digest, upload)
        encoded = base64.b64encode(digest).decode("ascii")
        response.headers["Repr-Digest"] = f"sha-256=:{encoded}:"
    return response


def refuse_not_offered(request):
    """Refuse a request that relies on an extension of tus which is not offered here."""
    for header in NOT_OFFERED:
        if header in request.headers:
            raise Refused(400, _("%(header)s is not supported here.") % {"header": header})
    # The checksum would come behind the body (the extension checksum-trailer).
    if "upload-checksum" in request.headers.get("Trailer", "").lower():
        raise Refused(400, _("%(header)s is not supported here.") % {"header": "Trailer"})


def check_body(request, left):
    """Refuse a body that cannot be taken as the next of `left` bytes, before one is read.

    Returns the checksum to expect, as `expected_checksum` does.
    """
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise Refused(411, _("The request must tell how long it is."))
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Refused(415, _("%(header)s is not supported here.") % {"header": "Content-Encoding"})
    if int(request.headers.get("Content-Length") or 0) > max(0, left):
        raise Refused(413, _("The request holds more than is left of the file."))
    return expected_checksum(request)


def take(request, upload, offset):
    """Take the bytes of a request into an upload, from `offset` on."""
    algorithm, checksum = check_body(request, upload.length - offset)
    about = {"offset": offset, "algorithm": algorithm, "checksum": checksum}
    try:
        guarded(upload.filename, resumable.receive, upload, request, **about)
    except Refused as refused:
        if refused.status == NO_ROOM:
            drain(request)
        raise
    tell(request, upload)


def drain(request):
    """Read on for a while: who still sends would only see the line break, and not the answer."""
    end = time.monotonic() + LINGER
    with contextlib.suppress(OSError):
        while time.monotonic() < end and request.read(resumable.BLOCK):
            pass


def tell(request, upload):
    """Have the page of a file that was replaced tell so: whoever sent it goes on there."""
    if upload.replaces_id and upload.file_id:
        messages.success(request, resumable.outcome(upload).told(upload.file))


def guarded(name, act, *args, **kwargs):
    """Return what `act` returns; what it raises becomes Refused."""
    try:
        return act(*args, **kwargs)
    except OverQuota as error:
        refusal = Refusal.over_quota(name, error.left)
        raise Refused(refusal.status, refusal.message) from None
    except resumable.WrongOffset:
        raise Refused(409, _("The upload is further, or not as far.")) from None
    except resumable.WrongChecksum:
        raise Refused(CHECKSUM_MISMATCH, _("The bytes arrived damaged.")) from None
    except resumable.WrongContent:
        sentence = _("These are not the bytes of the file that was named. Begin the upload again.")
        raise Refused(CHECKSUM_MISMATCH, sentence) from None
    except (resumable.Gone, Upload.DoesNotExist):
        raise Refused(410, _("The upload is over. Begin it again.")) from None
    except Superseded:
        raise Refused(423, _("Another request took the upload over.")) from None
    except UnreadablePostError:
        # Nobody is there to read it; what came is kept.
        raise Refused(400, _("What was sent did not arrive whole.")) from None
    except OSError as error:
        refusal = Refusal.failed(name, error)
        raise Refused(refusal.status, refusal.message) from None


def options():
    """Return what this server can do."""
    return HttpResponse(
        status=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": settings.MAX_UPLOAD_SIZE,
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        },
    )


def answer(upload, status):
    """Return how far an upload is, and until when it can go on; at its end, the file."""
    response = HttpResponse(status=status)
    response.headers["Upload-Offset"] = upload.offset
    if upload.file_id:
        response.headers[resumable.FILE_HEADER] = upload.file.get_absolute_url()
    else:
        response.headers["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    return response


def told(upload):
    """Return the answer to HEAD."""
    response = answer(upload, 200)
    response.headers["Upload-Length"] = upload.length
    if upload.metadata:
        response.headers["Upload-Metadata"] = upload.metadata
    response.headers["Cache-Control"] = "no-store"
    return response


def plain(status, sentence=""):
    """Return an error as plain text."""
    response = HttpResponse(f"{sentence}\n" if sentence else "", status=status)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    return response


def number(request, header):
    """Return the value of a header that must be a whole number of bytes."""
    value = request.headers.get(header, "")
    if not NUMBER.fullmatch(value):
        raise Refused(400, _("%(header)s must be a number of bytes.") % {"header": header})
    return int(value)


def has_body(request):
    """Return whether a request to begin an upload holds its first bytes."""
    return request.content_type == BODY and request.headers.get("Content-Length", "0") != "0"


def comes_whole(request, length):
    """Return whether a request to begin an upload holds all of a small file."""
    told = request.headers.get("Content-Length") or "0"
    plain = not {"Upload-Checksum", "Transfer-Encoding"} & request.headers.keys()
    if length and not has_body(request):
        return False
    return plain and told == str(length) and length <= single_request.LARGEST


def parsed_metadata(raw):
    """Return {key: text} of an Upload-Metadata header."""
    found = {}
    for pair in filter(None, (each.strip(" ") for each in raw.split(","))):
        key, _space, value = pair.partition(" ")
        try:
            text = base64.b64decode(value.strip(" "), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise Refused(400, _("Upload-Metadata is not understood.")) from None
        if not KEY.fullmatch(key) or key in found:
            raise Refused(400, _("Upload-Metadata is not understood."))
        found[key] = text
    return found


def expected_checksum(request):
    """Return (algorithm, digest) of an Upload-Checksum header, or ("", b"")."""
    header = request.headers.get("Upload-Checksum", "")
    if not header:
        return "", b""
    algorithm, _space, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        names = {"names": ", ".join(ALGORITHMS)}
        raise Refused(400, _("Upload-Checksum must be by one of: %(names)s.") % names)
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if not digest:
        raise Refused(400, _("Upload-Checksum is not understood."))
    return algorithm, digest
