"""Commands as a person types them, for messages."""

import os
import shlex


def manage(*words):
    """Return a manage.py command as one would type it."""
    return " ".join(["py" if os.name == "nt" else "python3", "manage.py", *words])


def quoted(path):
    """Return a path as one would type it."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))
