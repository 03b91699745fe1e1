"""Commands for messages, as one types them in a shell."""

import os
import shlex


def manage(*words):
    """Return a manage.py command as one types it."""
    return " ".join(["py" if os.name == "nt" else "python3", "manage.py", *words])


def quote(path):
    """Return a path as one types it."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))
