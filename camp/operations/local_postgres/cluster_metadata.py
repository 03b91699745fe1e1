"""The folder of a PostgreSQL cluster, and the mark by which Camp knows it for its own.

It is `postgres` in the data folder:

    camp.json   the mark: Camp made this; its port, its major version, where the programs are
    password    of the superuser
    role-password   of the role that DATABASE_URL names
    data        what initdb makes
    log

PostgreSQL refuses root, and whoever runs it instead may not reach the data folder. Then
the cluster lies elsewhere, and the mark in the data folder only says where.
"""

import contextlib
import json
import os

from django.conf import settings
from django.utils.translation import gettext as _

from camp.config import shell

MARK = "camp.json"
MAKER = "Camp"


def home():
    """Return where the cluster, or the mark that says where it is, belongs."""
    return settings.CAMP_DATA_DIR / "postgres"


def read_mark(folder):
    """Return what stands in the mark of a folder; raises ValueError if it is not Camp's."""
    mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    if not isinstance(mark, dict) or mark.get("made_by") != MAKER:
        raise ValueError(f"{folder / MARK} is not Camp's")
    return mark


def write_mark(folder, facts, like=None):
    """Write the mark of a folder; `like` as in `replace`."""
    text = json.dumps({"made_by": MAKER, **facts}, indent=2, ensure_ascii=False)
    replace(folder / MARK, f"{text}\n", 0o644, like=like)


def replace(file, text, mode, *, like=None):
    """Write a file as a whole or not at all; it gets the owner of the path `like`."""
    draft = file.with_name(f"{file.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as stream:
        stream.write(text)
    if like and os.name != "nt" and os.geteuid() == 0:
        owner = like.stat()
        os.chown(draft, owner.st_uid, owner.st_gid)
    os.replace(draft, file)


def inside(path, folder):
    """Return a path as text, relative to a folder if it lies there, which may be moved."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def not_ours(folder):
    """Return the sentence for a folder in the place of the cluster that is not Camp's."""
    move = "move" if os.name == "nt" else "mv"
    aside = shell.quoted(f"{folder}.old")
    sentence = _(
        "%(folder)s holds something that is not a whole PostgreSQL made by Camp: it is left "
        "alone. Move it out of the way with: %(fix)s"
    )
    return sentence % {"folder": folder, "fix": f"{move} {shell.quoted(folder)} {aside}"}


def not_yours(folder):
    """Return the sentence for a cluster of another user's."""
    sentence = _(
        "The PostgreSQL in %(folder)s belongs to the user %(user)s. Run the command as that "
        "user, or as root."
    )
    return sentence % {"folder": folder, "user": owner_of(folder)}


def owner_of(path):
    """Return the name of the user whose a path is, or "?"."""
    try:
        return path.owner()
    except (OSError, KeyError, NotImplementedError):
        return "?"
