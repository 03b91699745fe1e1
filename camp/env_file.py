"""Write one variable into the file that the settings are read from.

Every other byte of the file stays: order, comments, line endings, a BOM.
"""

import contextlib
import os
import re
import tempfile
from pathlib import Path

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


def put(file, name, value):
    """Set a variable in an `.env` file; the file is made, its owner's alone, where missing.

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
