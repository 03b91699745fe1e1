"""Files that are chosen at once, such as a folder: lists show them in the order of the choice.

All of them count as uploaded at the time of their batch, each a microsecond before the previous
one, whichever arrives first. A client gets that time from the server, signed, and sends it along
with each file of the batch.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils import timezone

SALT = "files.uploads.batches"
# Negative for files before the first one of a batch that is continued.
POSITION = re.compile(r"-?[0-9]{1,6}", re.ASCII)


def max_age() -> timedelta:
    """Return how long files can be added to a batch: also after one of them was resumed late."""
    lifetime: timedelta = settings.UPLOAD_EXPIRES
    return 2 * lifetime


def start_batch(user: Any) -> str:
    """Return the present time, signed, for a batch of a user's files."""
    return signing.dumps(timezone.now().isoformat(), salt=f"{SALT}.{user.pk}")


def is_open(moment: datetime | None) -> bool:
    """Return whether files can be added to the batch of a file that counts as of `moment`."""
    return moment is not None and timezone.now() - moment < max_age()


def at_position(moment: datetime, position: int) -> datetime:
    """Return when a file counts as uploaded, by the time of its batch and its place from 0 on."""
    return moment - timedelta(microseconds=position)


def find_time(user: Any, batch: str, position: str) -> datetime | None:
    """Return the same for a signed time and a place as a client sent them.

    None, so that the file counts as of its end, without them, if one is invalid, and if the batch
    is too old or another user's. Never in the future.
    """
    if not POSITION.fullmatch(position):
        return None
    try:
        text = signing.loads(batch, salt=f"{SALT}.{user.pk}", max_age=max_age())
    except signing.BadSignature:
        return None
    # The clock may have been set back since.
    return min(at_position(datetime.fromisoformat(text), int(position)), timezone.now())
