"""The environment, read into typed settings.

On top of django-environ: a value that is not understood is refused by the name of its
variable, and never shown, since it may be a password.
"""

import difflib
import os
import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

from camp.config import env_file

TRUE = {"1", "true", "t", "yes", "y", "on"}
FALSE = {"0", "false", "f", "no", "n", "off", ""}
SIZE_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
TIME_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Environment(environ.Env):
    """django-environ over a copy of the environment.

    Reading `.env` files into `os.environ` would pass their secrets to every child process.
    `files` maps each variable of the `.env` files to the name of its file.
    """

    files = {}

    def text(self, name, default=""):
        """Return the value as it is; a leading `$` has no meaning."""
        return self.ENVIRON.get(name, default)

    def parse(self, name, default, parser, expected):
        """Return `parser(value)`, or `default` for an empty value.

        Raises ImproperlyConfigured, saying what is `expected`, if the parser raises ValueError.
        """
        value = self.text(name).strip()
        try:
            return parser(value) if value else default
        except (ValueError, LookupError, OSError):
            raise ImproperlyConfigured(f"{name} must be {expected}.") from None

    def boolean(self, name, default=False):
        """Return a bool; a misspelt one is refused."""
        if name in self.ENVIRON:
            default = False  # an empty value
        return self.parse(name, default, parse_boolean, "on or off (also true/false, yes/no, 1/0)")

    def integer(self, name, default, *, minimum=0, maximum=None):
        """Return an int between `minimum` and `maximum`, both included."""

        def parse_integer(value):
            number = int(value) if re.fullmatch("[0-9]+", value) else -1
            if number < minimum or (maximum is not None and number > maximum):
                raise ValueError(value)
            return number

        limits = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        return self.parse(name, default, parse_integer, f"a whole number, {limits}")

    def size(self, name, default):
        """Return a size in bytes from `1048576`, `512M`, `5 GiB` or `5GB` (powers of 1024)."""
        expected = "a size, such as 1048576 (bytes), 512M or 5G"
        return self.parse(name, default, parse_size, expected)

    def duration(self, name, default):
        """Return a timedelta from a number of seconds, or from `15m`, `2h`, `30d`."""
        return self.parse(name, default, parse_duration, "a time such as 90s, 15m, 2h or 30d")

    def choice(self, name, default, choices):
        """Return one of `choices` (lower case)."""
        return self.parse(
            name,
            default,
            lambda value: choices[choices.index(value.lower())],
            f"one of: {', '.join(choices)}",
        )

    def names(self, name, default=()):
        """Return a list of comma-separated names."""
        found = [part.strip() for part in self.text(name).split(",")]
        return [part for part in found if part] or list(default)

    def folder(self, name, default, *, base):
        """Return an absolute Path; a relative value counts from `base`."""
        value = self.text(name).strip()
        return (base / Path(value).expanduser()).resolve() if value else Path(default)

    def time_zone(self, name, default):
        """Return the name of a time zone that this machine knows."""
        expected = "a time zone such as Asia/Tokyo or UTC"
        return self.parse(name, default, lambda value: ZoneInfo(value).key, expected)

    def secret(self, name):
        """Return the secret from the variable, or from the file that `name`_FILE names, or ""."""
        value, file = self.text(name).strip(), self.text(f"{name}_FILE").strip()
        if value or not file:
            return value
        try:
            value = Path(file).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            raise ImproperlyConfigured(f"{name}_FILE names an unreadable file.") from None
        if not value:
            raise ImproperlyConfigured(f"{name}_FILE names an empty file.")
        return value


def load(base_dir):
    """Return an Environment: the real environment, then `.env.local`, then `.env`.

    `CAMP_ENV_FILES` names other files (separated as in PATH); empty means none.
    """

    class LoadedEnvironment(Environment):
        ENVIRON = dict(os.environ)
        files = {}

    for file in env_file.paths(base_dir):
        try:
            text = file.read_text(encoding="utf-8-sig")  # Windows editors write a BOM
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            message = f"{file.name} cannot be read: it must be UTF-8 text."
            raise ImproperlyConfigured(message) from None
        for name, value in dict(env_file.parse(text)).items():
            LoadedEnvironment.ENVIRON.setdefault(name, value)
            LoadedEnvironment.files.setdefault(name, file.name)
    return LoadedEnvironment()


def find_misspelt(env, example):
    """Return [(name, file name, known name)] of variables that look like a known one.

    `example` is the path of `.env.example`, which lists every variable that Camp reads.
    """
    known = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", example.read_text(encoding="utf-8"), re.MULTILINE)
    found = []
    for name, file in env.files.items():
        likely = name not in known and difflib.get_close_matches(name.upper(), known, 1, 0.8)
        if likely:
            found.append((name, file, likely[0]))
    return found


def parse_boolean(text):
    """Return the bool that `on`, `false`, `1` or "" means; raises ValueError."""
    if text.lower() not in TRUE | FALSE:
        raise ValueError(text)
    return text.lower() in TRUE


def parse_size(text):
    """Return the bytes that `1048576`, `512M` or `5 GiB` means, at least 1; raises ValueError."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    size = int(float(found[1]) * SIZE_UNITS[found[2]]) if found else 0
    if size < 1:
        raise ValueError(text)
    return size


def parse_duration(text):
    """Return the timedelta that `90`, `90s`, `15m`, `2 h` or `30d` means; raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,8})\s*([smhd]?)", text.lower())
    if not found:
        raise ValueError(text)
    return timedelta(seconds=int(found[1]) * TIME_UNITS[found[2]])


def has_port(host):
    """Return whether a name of ALLOWED_HOSTS, such as camp.example.org:8443, has a port."""
    return without_port(host) != host


def without_port(host):
    """Return a name of ALLOWED_HOSTS without its port."""
    return re.sub(r"^(\[[^]]*\]|[^:]*):[0-9]+$", r"\1", host)
