"""`.env` files: read as python-dotenv reads them, and one variable written."""

import contextlib
import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from camp.fs.atomic import replace_file

NEWLINE = re.compile(r"\r\n|\n|\r")
VARIABLE = re.compile(
    r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z_0-9]*)\s*=(?P<gap>\s*)(?P<value>.*?)\s*"
)
# `head` and `tail` (the comment) stay when a value is replaced.
LINE = re.compile(
    r"(?P<head>\ufeff?\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z_0-9]*)\s*=[ \t]*)"
    r"(?P<value>'[^']*'|\"(?:[^\"\\]|\\.)*\"|.*?)"
    r"(?P<tail>(?:\s+#.*)?\s*)",
    re.DOTALL,
)
QUOTED = re.compile(r"""(?:'(?P<raw>[^']*)'|"(?P<text>(?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
COMMENT = re.compile(r"(?:^|\s+)#(?P<comment>.*)$")
# Part of the value of one of these must not be taken for a comment.
SECRET = re.compile("SECRET|PASSWORD|TOKEN|KEY|URL")


def paths(base_dir):
    """Return the files to read; the values of earlier ones win.

    `CAMP_ENV_FILES` names others (separated as in PATH); empty means none.
    """
    names = os.environ.get("CAMP_ENV_FILES", os.pathsep.join([".env.local", ".env"]))
    return [base_dir / name for name in names.split(os.pathsep) if name]


def parse(text):
    """Yield (name, value) for each variable in the text of an `.env` file.

    A `#` after a space begins a comment; one right after the `=` or inside a value does not,
    nor does any in quotes. Raises ImproperlyConfigured if a secret could be meant.
    """
    for line in NEWLINE.split(text):
        found = VARIABLE.fullmatch(line)
        if found:
            yield found["name"], parse_value(**found.groupdict())


def parse_value(name, gap, value):
    """Return the value of a line, without quotes and comment."""
    if quoted := QUOTED.fullmatch(value):
        if quoted["raw"] is not None:
            return quoted["raw"]
        # As in django-environ, only \r, \n and \t keep their backslash.
        return re.sub(r"\\([^rnt])", r"\1", quoted["text"])
    # Right after the "=" it is part of the value, unless it looks like a comment.
    close = value.startswith("#") and not gap
    comment = COMMENT.search(value, 1 if close and value[1:2].strip() else 0)
    if not comment:
        return value
    first = comment["comment"].lstrip("#")[:1]
    if SECRET.search(name) and (first.strip() or (close and not comment.start())):
        raise ImproperlyConfigured(
            f"{name} has a # that may belong to it or begin a comment: put the value into single "
            "quotes, or a space before and behind the # of the comment."
        )
    return value[: comment.start()]


def set_variable(file, name, value):
    """Set a variable in an `.env` file, which is created with owner-only rights if missing.

    Every other byte stays: order, comments, line endings, a BOM. Raises OSError, or
    UnicodeDecodeError for a file that is not UTF-8.
    """
    file = Path(os.path.realpath(file))  # a link stays one
    old, known = "", None
    with contextlib.suppress(FileNotFoundError):
        old, known = file.read_bytes().decode(), file.stat()
    mode = known.st_mode & 0o7777 if known else 0o600
    replace_file(file, replace_value(old, name, value).encode(), mode=mode, owner=known)


def replace_value(text, name, value):
    """Return the text of an `.env` file with every line of `name` set to `value`."""
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
