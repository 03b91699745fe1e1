"""Responses with stored bytes: ranges, conditions, and delivery by nginx or an object store."""

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
from files.content_types import sent_type
from files.serving import ranges
from files.storage import backend

logger = logging.getLogger(__name__)

SHA256_LENGTH = 64  # in hex
# The parameter of a request for a file although its bytes are damaged.
AS_IT_IS = "as_it_is"


class Download(StreamingHttpResponse):
    """A streamed file, in larger blocks than the 4 KiB of Django's FileResponse: 4 × faster."""

    def __init__(self, stored, pieces, **options):
        """Send `pieces`, each bytes or a Range of the open file `stored`."""
        super().__init__(self.blocks(stored, pieces), **options)
        self.headers["Content-Length"] = sum(map(len, pieces))
        # Without the part headers of several ranges.
        self.file_bytes = sum(len(piece) for piece in pieces if isinstance(piece, ranges.Range))
        # If the client disconnects, the response is closed, but not the generator.
        self._resource_closers.append(stored.close)

    def blocks(self, stored, pieces):
        """Yield the bytes."""
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            yield from backend.blocks(stored, piece.start, len(piece))


def file_response(request, file, *, same_origin=False, by_camp=False):
    """Return the bytes of `file` as an attachment, never inline: it may hold anything.

    Answers Range, If-Range and the conditions of RFC 9110; HEAD gets only headers. Bytes that
    cannot be read are logged and give a page that says so: 404 if they are missing, else 503. So
    do bytes of a wrong length, unless the request has AS_IT_IS. With X_ACCEL_REDIRECT nginx sends
    the bytes, and with S3_PRESIGNED_DOWNLOADS the object store, except `by_camp`, which can then
    count them; `same_origin` only excludes the object store.
    """
    try:
        stored = backend.open(file.storage_path)
    except OSError as error:
        return unreadable_page(request, file, error)
    if stored.size != file.size:
        logger.error("File %s has %s bytes of %s.", file.pk, stored.size, file.size)
        if AS_IT_IS not in request.GET:
            stored.close()
            return damaged_page(request, file, stored.size)
    if settings.X_ACCEL_REDIRECT and not backend.object_store() and not by_camp:
        stored.close()
        return with_headers(accel_redirect(file), file)
    from_camp = same_origin or by_camp or request.method != "GET"
    if settings.S3_PRESIGNED_DOWNLOADS and not from_camp:
        stored.close()
        return store_redirect(file)
    response = local_response(request, file, stored)
    if response.streaming:
        return response
    stored.close()
    return response


def count_file_bytes(request, file, response):
    """Return how many bytes of `file` a `file_response` sends; None without a body.

    If another server sends them, these are the bytes that Range asks for.
    """
    if isinstance(response, Download):
        return response.file_bytes
    is_redirect = "X-Accel-Redirect" in response.headers or response.status_code == 302
    if request.method != "GET" or not is_redirect:
        return None
    try:
        wanted = ranges.parse_ranges(request.headers.get("Range", ""), file.size)
    except ranges.Unsatisfiable:
        return None
    return file.size if wanted is None else sum(map(len, wanted))


def discard(response):
    """Close the files of a response that is not sent; its `close` would end the request."""
    for release in response._resource_closers:
        release()


def local_response(request, file, stored):
    """Return 200, 206, 304, 412 or 416 for the open file `stored`."""
    modified = int(file.since.timestamp())
    etag = etag_of(file, stored)
    early = get_conditional_response(request, etag or None, modified)
    if early is not None:
        return with_headers(early, file, etag, modified)
    try:
        wanted = ranges.requested_ranges(request, size=stored.size, etag=etag, modified=modified)
    except ranges.Unsatisfiable:
        response = HttpResponse(status=416)
        response.headers["Content-Range"] = f"bytes */{stored.size}"
        return with_headers(response, file, etag, modified)
    if request.method == "HEAD":
        # Django and the server would read all of the file and drop it.
        response = HttpResponse(headers={"Content-Length": stored.size})
    elif wanted is None:
        response = Download(stored, [ranges.Range(0, stored.size - 1)])
    elif len(wanted) == 1:
        response = Download(stored, wanted, status=206)
        response.headers["Content-Range"] = wanted[0].content_range(stored.size)
    else:
        return with_headers(
            multipart_response(file, stored, wanted), file, etag, modified, multipart=True
        )
    return with_headers(response, file, etag, modified)


def multipart_response(file, stored, wanted):
    """Return several ranges as multipart/byteranges (RFC 9110, section 14.6)."""
    boundary = secrets.token_hex(16)
    content_type = sent_type(file.content_type, file.filename)
    pieces = []
    for one in wanted:
        head = f"--{boundary}\r\nContent-Type: {content_type}\r\n"
        head += f"Content-Range: {one.content_range(stored.size)}\r\n\r\n"
        pieces += [head.encode("ascii"), one, b"\r\n"]
    response = Download(stored, [*pieces, f"--{boundary}--\r\n".encode("ascii")], status=206)
    response.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return response


def accel_redirect(file):
    """Return a response for which nginx sends the bytes, and answers ranges and conditions.

    See X-Accel-Redirect in
    https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers
    nginx drops most of our headers: its configuration adds them again.
    """
    response = HttpResponse()
    path = settings.X_ACCEL_REDIRECT.rstrip("/") + "/" + quote(file.storage_path)
    response.headers["X-Accel-Redirect"] = path
    del response.headers["Content-Length"]
    return response


def store_redirect(file):
    """Return a redirect to a presigned URL of the object store.

    From there the bytes come as an attachment too, and from another origin.
    """
    address = backend.object_store().address(
        file.storage_path,
        seconds=settings.S3_PRESIGNED_DOWNLOADS,
        disposition=attachment(file.filename),
        content_type=sent_type(file.content_type, file.filename),
    )
    return HttpResponseRedirect(address, headers={"Cache-Control": "private, no-store"})


def with_headers(response, file, etag="", modified=None, *, multipart=False):
    """Return `response` with the headers of a download."""
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
        # Always of the whole file (RFC 9530, section 3).
        digest = base64.b64encode(bytes.fromhex(file.sha256)).decode("ascii")
        headers["Repr-Digest"] = f"sha-256=:{digest}:"
    return response


def etag_of(file, stored):
    """Return the strong ETag, or "" if the checksum is unknown or the length is wrong."""
    if len(file.sha256) != SHA256_LENGTH or stored.size != file.size:
        return ""
    return quote_etag(file.sha256)


def damaged_page(request, file, found):
    """Return the page for bytes of a wrong length, with a link to download them anyway."""
    query = request.GET.copy()
    query[AS_IT_IS] = "yes"
    context = {"file": file, "found": found, "as_it_is": f"{request.path}?{query.urlencode()}"}
    return render(request, "files/unreadable.html", context, status=503)


def unreadable_page(request, file, error):
    """Return the page for bytes that are missing or unreadable."""
    missing = isinstance(error, FileNotFoundError)
    if missing:
        logger.error("The bytes of file %s are missing.", file.pk)
    else:
        logger.error("The bytes of file %s cannot be read.", file.pk, exc_info=error)
    context = {"file": file, "missing": missing}
    return render(request, "files/unreadable.html", context, status=404 if missing else 503)
