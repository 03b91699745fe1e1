"""The one-time set-up address: a token in a file that only its owner can read.

Whoever can read the server's terminal or its data folder may make the first
administrator, and nobody else. The token lives until it is claimed.
"""

import os
import secrets
from contextlib import suppress

from django.conf import settings

from camp.fs.ownership import give, make_folder

TOKEN_BYTES = 32


def issue():
    """Return the token that is waiting to be used; make one where there is none.

    Raises OSError where the data folder cannot be written.
    """
    file = settings.SETUP_TOKEN_FILE
    make_folder(file.parent)
    if token := read():
        return token
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secrets.token_urlsafe(TOKEN_BYTES))
    give(draft)
    try:
        # Unlike a rename, a link never replaces the token of a server that was quicker.
        os.link(draft, file)
    except FileExistsError:
        if not read():
            os.replace(draft, file)
    except OSError:
        os.replace(draft, file)  # a file system without links
    draft.unlink(missing_ok=True)
    return read()


def matches(token):
    """Return whether `token` is the one that waits; takes the same time for any guess."""
    waiting = read()
    return bool(waiting) and secrets.compare_digest(waiting.encode(), str(token).encode())


def claim(token):
    """Use `token` up; return whether it was right. Of several claims at once, one wins."""
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
    """Make the address die unused."""
    with suppress(OSError):
        settings.SETUP_TOKEN_FILE.unlink(missing_ok=True)


def read():
    """Return the waiting token, or "" where there is none."""
    try:
        return settings.SETUP_TOKEN_FILE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
