"""Several files as one ZIP, made while it is sent: no temporary file, and its length known."""

import logging

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from camp.fs.filenames import download_name, shorten_bytes
from camp.web.content_disposition import attachment
from files.serving.dated_zip import DatedZipStream
from files.storage import backend

logger = logging.getLogger(__name__)

MOST = 10_000  # files


def zip_response(files, name):
    """Return the Files as a ZIP called `name`, without those whose bytes are missing or damaged.

    They are listed in a text file inside. The bytes are stored as they are: most of what
    people keep is compressed already, and so the length is known. Entries have the time of
    their content in the reader's zone: the same files give the same bytes.
    """
    stream, missing, taken = DatedZipStream(), [], {}
    files = list(files)
    sizes = backend.sizes([file.storage_path for file in files])
    for file, size in zip(files, sizes, strict=True):
        if size != file.size:
            logger.error("The bytes of file %s are missing or damaged.", file.pk)
            missing.append(file.filename)
            continue
        arcname = distinct(download_name(file.filename), taken)
        stream.add_dated(blocks(file.storage_path), arcname, file.since, size=size)
    if missing:
        text = (
            _("The content of these files is missing or damaged:")
            + "\r\n\r\n"
            + "\r\n".join(missing)
        )
        # Of the files' time, so that the same files give the same bytes.
        latest = max(file.since for file in files)
        stream.add_dated(text.encode(), distinct(_("missing files.txt"), taken), latest)
    response = StreamingHttpResponse(stream, content_type="application/zip")
    response.headers["Content-Length"] = len(stream)
    response.headers["Content-Disposition"] = attachment(name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def blocks(path):
    """Yield the stored bytes at a storage path; the file is open only while they are sent."""
    with backend.open(path) as stored:
        yield from backend.blocks(stored, 0, stored.size)


def distinct(name, taken):
    """Return `name`, with a number if it is taken already, whatever its case.

    `taken` is a dict of the names given so far, case-folded, with how often each was asked for.
    """
    found, number = name, taken.get(name.casefold(), 0)
    while found.casefold() in taken:
        number += 1
        found = shorten_bytes(name, addition=f" ({number})")
    taken[name.casefold()] = max(number, 1)
    taken.setdefault(found.casefold(), 1)
    return found
