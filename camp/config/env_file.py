"""The file that the settings are read from: all its variables, and one written into it."""

import contextlib
import os
import re
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

NEWLINE = re.compile(r"\r\n|\n|\r")
VARIABLE = re.compile(
    r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z_0-9]*)\s*=(?P<gap>\s*)(?P<value>.*?)\s*"
)
QUOTED = re.compile(r"""(?:'(?P<raw>[^']*)'|"(?P<text>(?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
COMMENT = re.compile(r"(?:^|\s+)#(?P<comment>.*)$")
# Of these a part must not be taken for a comment.
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|KEY|URL")

LINE = re.compile(
    r"(?P<head>\ufeff?\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z_0-9]*)\s*=[ \t]*)"
    r"(?P<value>'[^']*'|\"(?:[^\"\\]|\\.)*\"|.*?)"
    r"(?P<tail>(?:\s+#.*)?\s*)",
    re.DOTALL,
)


def path(base_dir):
    """Return the file whose values win over the others, or None where none is read."""
    given = os.environ.get("CAMP_ENV_FILES")
    names = [".env.local"] if given is None else given.split(os.pathsep)
    return next((base_dir / name for name in names if name), None)


def values(text):
    """Yield (name, value) for each variable in the text of an `.env` file.

    As python-dotenv, with which the old backend read the same file, and shells have it: a `#`
    behind a space begins a comment, one right behind the `=` or inside a value does not, and
    in quotes nothing does. Raises ImproperlyConfigured where a secret could be meant.
    """
    for line in NEWLINE.split(text):
        found = VARIABLE.fullmatch(line)
        if found:
            yield found["name"], _value(found)


def _value(line):
    """Return the value of a line that VARIABLE matched."""
    name, written = line["name"], line["value"]
    if quoted := QUOTED.fullmatch(written):
        if quoted["raw"] is not None:
            return quoted["raw"]
        # As django-environ does: only these two stand for something else.
        return re.sub(r"\\([^rnt])", r"\1", quoted["text"])
    # Right behind the "=" it is part of the value, unless it looks like a comment.
    close = written.startswith("#") and not line["gap"]
    comment = COMMENT.search(written, 1 if close and written[1:2].strip() else 0)
    if not comment:
        return written
    said = comment["comment"].lstrip("#")[:1]
    if SECRET.search(name) and (said.strip() or (close and not comment.start())):
        raise ImproperlyConfigured(
            f"{name} has a # that may belong to it or begin a comment: put the value into single "
            "quotes, or a space before and behind the # of the comment."
        )
    return written[: comment.start()]


def put(file, name, value):
    """Set a variable in an `.env` file; the file is made, its owner's alone, where missing.

    Every other byte of it stays: order, comments, line endings, a BOM.

    Raises OSError, or UnicodeDecodeError for a file that is not UTF-8.
    """
    file = Path(os.path.realpath(file))  # a link stays one
    with contextlib.suppress(FileNotFoundError):
        old = file.read_bytes().decode()
        return _replace(file, with_value(old, name, value).encode(), file.stat())
    _replace(file, f"{name}={value}\n".encode(), None)


def with_value(text, name, value):
    """Return the text of an `.env` file in which `name` is `value`.

    Where the name stands twice both are replaced: readers differ in which one counts.
    """
    lines = text.splitlines(keepends=True)
    found = False
    for number, line in enumerate(lines):
        parts = LINE.fullmatch(line)
        if parts and parts["name"] == name:
            lines[number] = f"{parts['head']}{value}{parts['tail']}"
            found = True
    if found:
        return "".join(lines)
    end = "\r\n" if "\r\n" in text else "\n"
    gap = end if text.strip("\ufeff") and not text.endswith(("\n", "\r")) else ""
    return f"{text}{gap}{name}={value}{end}"


def _replace(file, content, known):
    """Write a file as a whole or not at all, with the rights of the one that was there."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if os.name != "nt":
            os.chmod(draft, known.st_mode & 0o7777 if known else 0o600)
            if os.geteuid() == 0:
                # A file of root's would keep its reader from starting Camp.
                owner = known or file.parent.stat()
                os.chown(draft, owner.st_uid, owner.st_gid)
        os.replace(draft, file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
