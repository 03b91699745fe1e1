"""Resumable uploads by the tus protocol, version 1.0.0: https://tus.io/protocols/resumable-upload

Core, and the extensions creation, creation-with-upload, expiration, termination and checksum.
Errors are plain text in the user's language. The response to HEAD with
`Want-Repr-Digest: sha-256=1` (RFC 9530) has the SHA-256 of the bytes received so far, so that a
client can compare them with its file before it sends the rest. If Upload-Metadata names the
SHA-256 of the file (`sha256`, in hex), no other content is stored.
"""

import base64
import binascii
import contextlib
import re
import time
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, UnreadablePostError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from camp.fs.filenames import clean_folder
from camp.templatetags.camp import readable_bytes
from camp.web.addresses import has_own_port
from files.library.quota import OverQuota
from files.library.requests import get_own_file_or_none, get_session_or_none
from files.models import Upload
from files.uploads import batches, resumable
from files.uploads.refusals import Refusal
from files.uploads.upload_parts import Superseded

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
ALGORITHMS = ("sha1", "sha256")
BODY_TYPE = "application/offset+octet-stream"
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
OVERRIDDEN = {"PATCH", "DELETE", "HEAD"}
# Headers of extensions that are not offered. Ignoring one would store the wrong file.
UNSUPPORTED = ("Upload-Concat", "Upload-Defer-Length")
WANTS_DIGEST = re.compile(r"(?:^|,)\s*sha-256\s*=\s*(?:[1-9]|10)\s*(?:,|$)", re.ASCII)
CHECKSUM_MISMATCH = 460
INSUFFICIENT_STORAGE = 507
DRAIN_SECONDS = 10


class TusError(Exception):
    """A request that cannot be fulfilled: an HTTP status and a message."""

    def __init__(self, status, message=""):
        super().__init__(status)
        self.status, self.message = status, message


def tus(view):
    """Add the protocol to a view: version, method override, and errors as responses."""

    @wraps(view)
    def wrapped(request, *args, **kwargs):
        override = request.headers.get("X-HTTP-Method-Override", "").upper()
        if request.method == "POST" and override in OVERRIDDEN:
            request.method = override
        try:
            if request.method == "OPTIONS":
                response = options_response()
            elif request.headers.get("Tus-Resumable") != VERSION:
                raise TusError(412, _("This server supports version 1.0.0 of tus."))
            elif not request.user.is_authenticated:
                raise TusError(403, _("You are logged out. Log in and try again."))
            else:
                response = view(request, *args, **kwargs)
        except TusError as error:
            response = text_response(error.status, error.message)
        except Http404:
            response = text_response(404)
        except PermissionDenied:
            response = text_response(
                403, _("You may not add to this session or replace this file.")
            )
        response.headers["Tus-Resumable"] = VERSION
        if response.status_code == 412:
            response.headers["Tus-Version"] = VERSION
        return response

    return wrapped


@tus
@require_http_methods(["OPTIONS", "POST"])
def uploads(request):
    """Create an upload, perhaps with its first bytes."""
    refuse_unsupported(request)
    length = parse_number(request, "Upload-Length")
    if length > settings.MAX_UPLOAD_SIZE:
        size = readable_bytes(settings.MAX_UPLOAD_SIZE)
        raise TusError(413, _("The file is larger than the limit of %(size)s.") % {"size": size})
    raw = request.headers.get("Upload-Metadata", "")
    metadata = parse_metadata(raw)
    if request.content_type == BODY_TYPE:
        check_body(request, length)
    fields = {
        "user": request.user,
        "length": length,
        "filename": metadata.get("filename", ""),
        "folder": parse_folder(metadata.get("relativePath", "")),
        "content_type": metadata.get("filetype", ""),
        "metadata": raw,
        "file_created_at": batches.find_time(
            request.user, metadata.get("batch", ""), metadata.get("position", "")
        ),
        "session": get_session_or_none(request.user, metadata.get("session", ""), to_add=True),
        "replaces": get_replaced_file(request.user, metadata.get("replaces", "")),
    }
    name = fields["filename"]
    if is_single_request(request, length):
        key = metadata.get("key", "")
        upload = call(name, resumable.receive_single_request, request, key=key, **fields)
        report_replacement(request, upload)
    else:
        upload = call(name, resumable.create, **fields)
        if length == 0 or has_body(request):
            receive(request, upload, 0)
    response = upload_response(upload, 201)
    path = reverse("uploads:upload", args=[upload.pk])
    response.headers["Location"] = (
        request.build_absolute_uri(path) if has_own_port(request) else path
    )
    return response


def parse_folder(path):
    """Return the folder of the relative path of a file, or None; raises TusError.

    Uppy sends it, too, and "null" for a file without a folder.
    """
    try:
        return clean_folder(path) or None
    except ValueError:
        refusal = Refusal.long_folder("")
        raise TusError(refusal.status, refusal.message) from None


def get_replaced_file(user, number):
    """Return the file that an upload is to replace, None for ""; raises TusError."""
    try:
        return get_own_file_or_none(user, number)
    except Http404:
        raise TusError(404, _("The file to replace was deleted.")) from None


@tus
@require_http_methods(["OPTIONS", "HEAD", "PATCH", "DELETE"])
def upload(request, pk):
    """Return the offset of an upload (HEAD), append bytes (PATCH), or remove it (DELETE)."""
    own = Upload.objects.filter(user=request.user).select_related("file", "session")
    found = get_object_or_404(own, pk=pk)
    if request.method == "DELETE":
        resumable.terminate(found)
        return HttpResponse(status=204)
    if request.method == "HEAD":
        return head_response(request, found)
    refuse_unsupported(request)
    if request.content_type != BODY_TYPE:
        raise TusError(415, _("The bytes must be sent as %(type)s.") % {"type": BODY_TYPE})
    if (
        "Upload-Length" in request.headers
        and parse_number(request, "Upload-Length") != found.length
    ):
        raise TusError(400, _("Upload-Length differs from the length of the upload."))
    receive(request, found, parse_number(request, "Upload-Offset"))
    return upload_response(found, 204)


def head_response(request, upload):
    """Return the response to HEAD, with the digest of what has arrived if asked for."""
    call(upload.filename, resumable.recover_offset, upload)
    response = upload_response(upload, 200)
    response.headers["Upload-Length"] = upload.length
    if upload.metadata:
        response.headers["Upload-Metadata"] = upload.metadata
    response.headers["Cache-Control"] = "no-store"
    if WANTS_DIGEST.search(request.headers.get("Want-Repr-Digest", "")):
        digest = call(upload.filename, resumable.received_digest, upload)
        encoded = base64.b64encode(digest).decode("ascii")
        response.headers["Repr-Digest"] = f"sha-256=:{encoded}:"
    return response


def refuse_unsupported(request):
    """Refuse a request that needs an extension of tus which is not offered."""
    for header in UNSUPPORTED:
        if header in request.headers:
            raise TusError(400, _("%(header)s is not supported here.") % {"header": header})
    # The checksum would follow the body (extension checksum-trailer).
    if "upload-checksum" in request.headers.get("Trailer", "").lower():
        raise TusError(400, _("%(header)s is not supported here.") % {"header": "Trailer"})


def check_body(request, left):
    """Refuse a body that cannot be the next of `left` bytes, before it is read.

    Returns the checksum, as `parse_checksum` does.
    """
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise TusError(411, _("The request needs a Content-Length."))
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise TusError(415, _("%(header)s is not supported here.") % {"header": "Content-Encoding"})
    if int(request.headers.get("Content-Length") or 0) > max(0, left):
        raise TusError(413, _("The request has more bytes than the file has left."))
    return parse_checksum(request)


def receive(request, upload, offset):
    """Append the body of a request to an upload, from `offset` on."""
    algorithm, checksum = check_body(request, upload.length - offset)
    options = {"offset": offset, "algorithm": algorithm, "checksum": checksum}
    try:
        call(upload.filename, resumable.receive, upload, request, **options)
    except TusError as error:
        if error.status == INSUFFICIENT_STORAGE:
            drain(request)
        raise
    report_replacement(request, upload)


def drain(request):
    """Read on for a while: a client that is still sending would miss the response."""
    end = time.monotonic() + DRAIN_SECONDS
    with contextlib.suppress(OSError):
        while time.monotonic() < end and request.read(resumable.BLOCK_SIZE):
            pass


def report_replacement(request, upload):
    """Add a message for the page of a replaced file, where the browser goes next."""
    if upload.replaces_id and upload.file_id:
        messages.success(request, resumable.replacement_outcome(upload).describe(upload.file))


def call(name, function, *args, **kwargs):
    """Call a function for the file `name`; its exceptions become TusError."""
    try:
        return function(*args, **kwargs)
    except OverQuota as error:
        refusal = Refusal.over_quota(name, error.left)
        raise TusError(refusal.status, refusal.message) from None
    except resumable.WrongOffset:
        raise TusError(409, _("Upload-Offset differs from the offset of the upload.")) from None
    except resumable.WrongChecksum:
        raise TusError(CHECKSUM_MISMATCH, _("The checksum does not match.")) from None
    except resumable.WrongContent:
        message = _("The content does not match the announced SHA-256. Start the upload again.")
        raise TusError(CHECKSUM_MISMATCH, message) from None
    except (resumable.PartMissing, Upload.DoesNotExist):
        raise TusError(410, _("The upload has expired. Start it again.")) from None
    except Superseded:
        raise TusError(423, _("Another request has taken over the upload.")) from None
    except UnreadablePostError:
        # The client is gone; what has arrived is kept.
        raise TusError(400, _("The request is incomplete.")) from None
    except OSError as error:
        refusal = Refusal.failed(name, error)
        raise TusError(refusal.status, refusal.message) from None


def options_response():
    """Return the capabilities of this server."""
    return HttpResponse(
        status=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": settings.MAX_UPLOAD_SIZE,
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        },
    )


def upload_response(upload, status):
    """Return the offset and expiry of an upload; at its end, the address of the file."""
    response = HttpResponse(status=status)
    response.headers["Upload-Offset"] = upload.offset
    if upload.file_id:
        response.headers[resumable.FILE_HEADER] = upload.file.get_absolute_url()
    else:
        response.headers["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    return response


def text_response(status, message=""):
    """Return an error as plain text."""
    response = HttpResponse(f"{message}\n" if message else "", status=status)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    return response


def parse_number(request, header):
    """Return the value of a header that must be a whole number of bytes; raises TusError."""
    value = request.headers.get(header, "")
    if not NUMBER.fullmatch(value):
        raise TusError(400, _("%(header)s must be a number of bytes.") % {"header": header})
    return int(value)


def has_body(request):
    """Return whether a request that creates an upload has its first bytes."""
    return request.content_type == BODY_TYPE and request.headers.get("Content-Length", "0") != "0"


def is_single_request(request, length):
    """Return whether a request that creates an upload has all of a small file."""
    content_length = request.headers.get("Content-Length") or "0"
    is_simple = not {"Upload-Checksum", "Transfer-Encoding"} & request.headers.keys()
    if length and not has_body(request):
        return False
    is_small = length <= resumable.LARGEST_SINGLE_REQUEST
    return is_simple and is_small and content_length == str(length)


def parse_metadata(raw):
    """Return {key: text} of an Upload-Metadata header."""
    found = {}
    for pair in filter(None, (each.strip(" ") for each in raw.split(","))):
        key, _space, value = pair.partition(" ")
        try:
            text = base64.b64decode(value.strip(" "), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise TusError(400, _("Upload-Metadata is malformed.")) from None
        if not KEY.fullmatch(key) or key in found:
            raise TusError(400, _("Upload-Metadata is malformed."))
        found[key] = text
    return found


def parse_checksum(request):
    """Return (algorithm, digest) of an Upload-Checksum header, or ("", b"")."""
    header = request.headers.get("Upload-Checksum", "")
    if not header:
        return "", b""
    algorithm, _space, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        names = {"names": ", ".join(ALGORITHMS)}
        raise TusError(400, _("Upload-Checksum must be by one of: %(names)s.") % names)
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if not digest:
        raise TusError(400, _("Upload-Checksum is malformed."))
    return algorithm, digest
