"""Stored bytes as an answer."""

import logging

from django.http import FileResponse, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from camp.filenames import download_name
from files import storage
from files.content_types import media_type

logger = logging.getLogger(__name__)


class Download(FileResponse):
    """Bytes in blocks that keep the server's overhead small; Django's have 4 KiB."""

    block_size = 256 * 2**10


def file_response(request, file):
    """Return the bytes of `file` for saving, never for showing: it may hold anything.

    HEAD gets the headers alone. Bytes that cannot be read become a page that says so,
    and a line in the log: 404 where they are missing, else 503.
    """
    try:
        stored = storage.open(file.storage_path)
    except OSError as error:
        return unreadable(request, file, error)
    if stored.size != file.size:
        logger.error("File %s has %s bytes of %s.", file.pk, stored.size, file.size)
    if request.method == "HEAD":
        stored.close()
        # Django and the server would read all of a file to throw it away.
        response = HttpResponse(headers={"Content-Length": stored.size})
    else:
        response = Download(stored)
    headers = response.headers
    headers["Content-Type"] = media_type(file.content_type, file.filename)
    name = download_name(file.filename)
    headers["Content-Disposition"] = content_disposition_header(True, name)
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cache-Control"] = "private, no-cache"
    return response


def unreadable(request, file, error):
    """Return the page for bytes that are not there, or not readable."""
    missing = isinstance(error, FileNotFoundError)
    if missing:
        logger.error("The bytes of file %s are missing.", file.pk)
    else:
        logger.error("The bytes of file %s cannot be read.", file.pk, exc_info=error)
    context = {"file": file, "missing": missing}
    return render(request, "files/unreadable.html", context, status=404 if missing else 503)
