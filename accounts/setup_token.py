"""The one-time set-up address: a token in a file readable by its owner only.

Only someone who can read the server's terminal or its data folder may create the first
administrator. The token is valid until claimed.
"""

import os
import secrets
from contextlib import suppress

from django.conf import settings

from camp.fs.atomic import create_file, replace_file
from camp.fs.ownership import make_folder

TOKEN_BYTES = 32


def issue():
    """Return the current token; create one if there is none.

    Raises OSError if the data folder is not writable.
    """
    file = settings.SETUP_TOKEN_FILE
    make_folder(file.parent)
    if token := read():
        return token
    token = secrets.token_urlsafe(TOKEN_BYTES).encode()
    create_file(file, token)  # a concurrent server's token stays
    if not read():
        replace_file(file, token)
    return read()


def matches(token):
    """Return whether `token` is the current one, in constant time."""
    waiting = read()
    return bool(waiting) and secrets.compare_digest(waiting.encode(), str(token).encode())


def claim(token):
    """Consume `token`; return whether it was valid. Of concurrent claims one wins."""
    if not matches(token):
        return False
    file = settings.SETUP_TOKEN_FILE
    taken = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        os.rename(file, taken)
    except OSError:
        return False
    taken.unlink(missing_ok=True)
    return True


def withdraw():
    """Invalidate the token."""
    with suppress(OSError):
        settings.SETUP_TOKEN_FILE.unlink(missing_ok=True)


def read():
    """Return the current token, or "" if there is none."""
    try:
        return settings.SETUP_TOKEN_FILE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
