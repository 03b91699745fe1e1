"""Stored bytes as an answer: all of them, some of them, or none because they are known."""

import base64
import logging
import secrets
import time
from urllib.parse import quote

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag

from camp.web.content_disposition import attachment
from files.serving import ranges
from files.storage import backend
from files.uploads.content_types import sent_type

logger = logging.getLogger(__name__)

SHA256_LENGTH = 64  # in hex
# The parameter of a request for bytes that are known to be damaged.
AS_IT_IS = "as_it_is"


class Download(StreamingHttpResponse):
    """Bytes in blocks that keep the server's overhead small; Django's have 4 KiB."""

    def __init__(self, stored, pieces, **options):
        """Send `pieces`, each a bytes object or a Range of the open file `stored`."""
        super().__init__(self.blocks(stored, pieces), **options)
        self.headers["Content-Length"] = sum(map(len, pieces))
        # Without what stands around several ranges.
        self.file_bytes = sum(len(piece) for piece in pieces if isinstance(piece, ranges.Range))
        # A client that leaves ends the response, and never the generator.
        self._resource_closers.append(stored.close)

    def blocks(self, stored, pieces):
        """Yield the bytes."""
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            yield from backend.blocks(stored, piece.start, len(piece))


def file_response(request, file, *, from_here=False, by_camp=False):
    """Return the bytes of `file` for saving, never for showing: it may hold anything.

    Answers Range, If-Range and the conditions of RFC 9110; HEAD gets the headers alone.
    Bytes that cannot be read become a page that says so, and a line in the log: 404 where
    they are missing, else 503. So do those that are not as many as came, unless the request
    asks for them as they are. With X_ACCEL_REDIRECT nginx sends the bytes, and with
    S3_PRESIGNED_DOWNLOADS the object store, unless they must come `from_here`, this origin,
    or are sent `by_camp` itself, which then sees how far they came.
    """
    try:
        stored = backend.open(file.storage_path)
    except OSError as error:
        return unreadable(request, file, error)
    if stored.size != file.size:
        logger.error("File %s has %s bytes of %s.", file.pk, stored.size, file.size)
        if AS_IT_IS not in request.GET:
            stored.close()
            return damaged(request, file, stored.size)
    if settings.X_ACCEL_REDIRECT and not backend.object_store() and not by_camp:
        stored.close()
        return with_headers(handed_over(file), file)
    here = from_here or by_camp or request.method != "GET"
    if settings.S3_PRESIGNED_DOWNLOADS and not here:
        stored.close()
        return led_to_store(file)
    response = answer(request, file, stored)
    if response.streaming:
        return response
    stored.close()
    return response


def bytes_given(request, file, response):
    """Return how many bytes of `file` an answer of `file_response` gives; None without a body.

    Where another server sends them, it is what Range asks of it.
    """
    if isinstance(response, Download):
        return response.file_bytes
    elsewhere = "X-Accel-Redirect" in response.headers or response.status_code == 302
    if request.method != "GET" or not elsewhere:
        return None
    try:
        wanted = ranges.within(request.headers.get("Range", ""), file.size)
    except ranges.Unsatisfiable:
        return None
    return file.size if wanted is None else sum(map(len, wanted))


def discard(response):
    """Release what an answer that is not sent holds open; its `close` would end the request."""
    for release in response._resource_closers:
        release()


def answer(request, file, stored):
    """Return 200, 206, 304, 412 or 416 for the open file `stored`."""
    modified = int(file.since.timestamp())
    etag = etag_of(file, stored)
    early = get_conditional_response(request, etag or None, modified)
    if early is not None:
        return with_headers(early, file, etag, modified)
    try:
        wanted = ranges.requested(request, size=stored.size, etag=etag, modified=modified)
    except ranges.Unsatisfiable:
        response = HttpResponse(status=416)
        response.headers["Content-Range"] = f"bytes */{stored.size}"
        return with_headers(response, file, etag, modified)
    if request.method == "HEAD":
        # Django and the server would read all of a file to throw it away.
        response = HttpResponse(headers={"Content-Length": stored.size})
    elif wanted is None:
        response = Download(stored, [ranges.Range(0, stored.size - 1)])
    elif len(wanted) == 1:
        response = Download(stored, wanted, status=206)
        response.headers["Content-Range"] = wanted[0].content_range(stored.size)
    else:
        return with_headers(in_parts(file, stored, wanted), file, etag, modified, multipart=True)
    return with_headers(response, file, etag, modified)


def in_parts(file, stored, wanted):
    """Return several ranges as multipart/byteranges (RFC 9110, section 14.6)."""
    boundary = secrets.token_hex(16)
    kind = sent_type(file.content_type, file.filename)
    pieces = []
    for one in wanted:
        head = f"--{boundary}\r\nContent-Type: {kind}\r\n"
        head += f"Content-Range: {one.content_range(stored.size)}\r\n\r\n"
        pieces += [head.encode("ascii"), one, b"\r\n"]
    response = Download(stored, [*pieces, f"--{boundary}--\r\n".encode("ascii")], status=206)
    response.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return response


def handed_over(file):
    """Return an answer whose bytes nginx sends, with ranges and conditions of its own.

    See https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers on
    X-Accel-Redirect. Of our headers nginx keeps only some: its configuration adds the rest.
    """
    response = HttpResponse()
    path = settings.X_ACCEL_REDIRECT.rstrip("/") + "/" + quote(file.storage_path)
    response.headers["X-Accel-Redirect"] = path
    del response.headers["Content-Length"]
    return response


def led_to_store(file):
    """Return an answer that sends the browser to the object store, for a short time.

    There the bytes come as an attachment too, and from another origin.
    """
    address = backend.object_store().address(
        file.storage_path,
        seconds=settings.S3_PRESIGNED_DOWNLOADS,
        disposition=attachment(file.filename),
        content_type=sent_type(file.content_type, file.filename),
    )
    return HttpResponseRedirect(address, headers={"Cache-Control": "private, no-store"})


def with_headers(response, file, etag="", modified=None, *, multipart=False):
    """Return `response` with what a download says of itself."""
    headers = response.headers
    if not multipart:
        headers["Content-Type"] = sent_type(file.content_type, file.filename)
    headers["Content-Disposition"] = attachment(file.filename)
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cache-Control"] = "private, no-cache"
    if modified is not None:
        headers["Accept-Ranges"] = "bytes"
        if modified <= time.time():  # else it was replaced twice within a second
            headers["Last-Modified"] = http_date(modified)
    if etag:
        headers["ETag"] = etag
    if len(file.sha256) == SHA256_LENGTH:
        # Of the whole file, also where a part is sent (RFC 9530, section 3).
        digest = base64.b64encode(bytes.fromhex(file.sha256)).decode("ascii")
        headers["Repr-Digest"] = f"sha-256=:{digest}:"
    return response


def etag_of(file, stored):
    """Return the strong ETag, or "" where the checksum is not known or not true."""
    if len(file.sha256) != SHA256_LENGTH or stored.size != file.size:
        return ""
    return quote_etag(file.sha256)


def damaged(request, file, found):
    """Return the page for bytes that are not as many as the row says, with a way to get them."""
    query = request.GET.copy()
    query[AS_IT_IS] = "yes"
    context = {"file": file, "found": found, "as_it_is": f"{request.path}?{query.urlencode()}"}
    return render(request, "files/unreadable.html", context, status=503)


def unreadable(request, file, error):
    """Return the page for bytes that are not there, or not readable."""
    missing = isinstance(error, FileNotFoundError)
    if missing:
        logger.error("The bytes of file %s are missing.", file.pk)
    else:
        logger.error("The bytes of file %s cannot be read.", file.pk, exc_info=error)
    context = {"file": file, "missing": missing}
    return render(request, "files/unreadable.html", context, status=404 if missing else 503)
