"""What Camp writes about itself: one line an event, and nothing that is secret.

Every record passes through a formatter of this module, which puts the number of the
request on it and takes out e-mail addresses, passwords and the like, wherever the record
comes from. It goes to standard error; keeping and rotating it is the system's task.
"""

import json
import logging
import re
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote

from django.db import InterfaceError, OperationalError
from django.urls import get_resolver

HIDDEN = "[hidden]"
# URL arguments that open something for whoever knows them.
SECRET_ARGUMENTS = ("token", "uidb64")
# And the names of files.
HIDDEN_ARGUMENTS = (*SECRET_ARGUMENTS, "name")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")

# Each pattern can start at one place of a word only, so that long text costs no more
# than its length.
_REDACTIONS = [
    (re.compile(r"(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?<![\w$])(?:argon2\w*|bcrypt\w*|scrypt|pbkdf2\w*)?\$[\w$=,.+/-]{16,}"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)(?<![\w-])(?=[\w-]*?(?:passw|passphrase|secret|token|cookie|authorization|"
            r"api_?key|session_?key|sessionid|camp_session))([\w-]++)(['\"]?\s*[:=]\s*)"
            r"(?:'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|\[[^\]\n]*|[^\s,;&)}\]]+)"
        ),
        rf"\1\2{HIDDEN}",
    ),
]
# Line ends and terminal codes from outside must not look like lines of ours.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
_CONTROL_BUT_LINES = {code: text for code, text in _CONTROL.items() if code not in (9, 10)}


def logging_config(*, level: str, as_json: bool) -> dict:
    """Return the dict for Django's LOGGING; `level` is the least that is written.

    Below INFO it counts for Camp's own modules only: at that level, libraries write down
    the values of queries and the text of messages.
    """
    formatter = "camp.web.logging.JsonFormatter" if as_json else "camp.web.logging.LineFormatter"
    others = "INFO" if level == "DEBUG" else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"camp": {"()": formatter}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "camp"},
            "nowhere": {"class": "logging.NullHandler"},
        },
        "root": {"handlers": ["console"], "level": others},
        "loggers": {
            **{name: {"level": level} for name in ("camp", "accounts", "sessions_app", "files")},
            # Django's own handlers would write and mail without these formatters.
            "django": {"handlers": [], "level": others, "propagate": True},
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            # The access log has the answers below 500 already.
            "django.request": {"level": "ERROR"},
            # It writes down the names, and sometimes more, that people tried to log in with.
            "axes": {"handlers": ["nowhere"], "level": "CRITICAL", "propagate": False},
        },
    }


@contextmanager
def request_id(name: str):
    """Put `name` on every record of this thread while the context lasts."""
    before = _request_id.set(name)
    try:
        yield
    finally:
        _request_id.reset(before)


def redact(text: str) -> str:
    """Return `text` without e-mail addresses, passwords, tokens, and logins in URLs."""
    if "://" in text and "@" in text:
        text = re.sub(r"\S+", _without_login, text)
    for pattern, instead in _REDACTIONS:
        text = pattern.sub(instead, text)
    return text


def _without_login(word):
    """Return a word of a text; of a URL, all up to the last @, since passwords may hold one."""
    scheme, mark, rest = word[0].partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{HIDDEN}{at}{place}" if login else word[0]


def safe_path(request) -> str:
    """Return the path of a request for a log: one word, with its secret parts hidden."""
    path, match = request.path_info, request.resolver_match
    arguments = match.kwargs if match else {}
    secrets = {str(arguments[name]) for name in HIDDEN_ARGUMENTS if name in arguments}
    if match and not secrets:
        return _quoted(path)
    parts = path.split("/")
    if secrets.intersection(parts):
        return _quoted("/".join(HIDDEN if part in secrets else part for part in parts))
    # Not resolved: mistyped, perhaps by one letter.
    for prefix in _secret_prefixes():
        if path.startswith(prefix) and path != prefix:
            return _quoted(prefix) + HIDDEN
    return _quoted(path)


def _quoted(path):
    return quote(path, safe="/@:+,;=~!$&'()*[]")


@cache
def _secret_prefixes() -> frozenset[str]:
    """Return how the paths begin whose routes hold a secret argument."""
    argument = re.compile(rf"<(?:[\w.]+:)?(?:{'|'.join(SECRET_ARGUMENTS)})>")
    found = set()

    def walk(patterns, before):
        for each in patterns:
            route = before + str(each.pattern).removeprefix("^")
            if hasattr(each, "url_patterns"):
                walk(each.url_patterns, route)
            elif argument.search(route):
                found.add("/" + re.split(r"<|\(\?P", route)[0])

    walk(get_resolver().url_patterns, "")
    return frozenset(found)


class LineFormatter(logging.Formatter):
    """One line a record: time, level, logger, number of the request, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; lines of a traceback follow it, indented."""
        time, message, trace = _parts(self, record)
        line = f"{time} {record.levelname} {record.name} [{_request_id.get()}] {message}"
        return line + "".join(f"\n    {part}" for part in trace.split("\n") if part)


class JsonFormatter(logging.Formatter):
    """One JSON object a record; that of an answered request has its fields as well."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as one line."""
        time, message, trace = _parts(self, record)
        entry = {
            "time": time,
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": _request_id.get(),
            "message": message,
        }
        for name, value in getattr(record, "access", {}).items():
            entry[name] = redact(value) if isinstance(value, str) else value
        if trace:
            entry["exception"] = trace
        return json.dumps(entry, ensure_ascii=False)


def _parts(formatter, record):
    """Return the time (UTC), the message and the traceback of a record, fit to be read."""
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    message = redact(_message(record)).translate(_CONTROL)
    trace = ""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, OperationalError | InterfaceError):
        # While the database is away, each request would write the same long traceback.
        message += f" ({redact(str(error).strip()).translate(_CONTROL)})"
    elif error and not record.name.startswith("django.security"):
        trace = redact(formatter.formatException(record.exc_info)).translate(_CONTROL_BUT_LINES)
    return time, message, trace


def _message(record):
    """Return the message; where Django puts the path of the request in it, the safe one."""
    request = getattr(record, "request", None)
    path = getattr(request, "path", None)
    if path and isinstance(record.args, tuple):
        escaped = path.encode("unicode_escape").decode("ascii")
        safe = safe_path(request)
        return str(record.msg) % tuple(
            safe if part in (path, escaped) else part for part in record.args
        )
    return record.getMessage()
