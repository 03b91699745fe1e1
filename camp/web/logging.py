"""Log configuration: one line per event, without secrets.

The formatters add the request ID to every record and redact e-mail addresses, passwords and
tokens, whatever the logger. Output goes to standard error; storing and rotating it is up to the
system.
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
# URL arguments that grant access.
SECRET_ARGUMENTS = ("token", "uidb64")
# File names are private as well.
HIDDEN_ARGUMENTS = (*SECRET_ARGUMENTS, "name")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")

# Each pattern can start at only one place per word, so matching takes linear time.
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
# Escape line ends and terminal codes, so that input cannot forge log lines.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
_CONTROL_BUT_LINES = {code: text for code, text in _CONTROL.items() if code not in (9, 10)}


def logging_config(*, level: str, as_json: bool) -> dict:
    """Return the dict for Django's LOGGING; `level` is the minimum level.

    DEBUG applies to Camp's own modules only: libraries log query parameters and message texts
    at that level.
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
            # Django's own handlers would bypass these formatters.
            "django": {"handlers": [], "level": others, "propagate": True},
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            # The access log has the answers below 500 already.
            "django.request": {"level": "ERROR"},
            # It logs the names, and sometimes more, from failed log-ins.
            "axes": {"handlers": ["nowhere"], "level": "CRITICAL", "propagate": False},
        },
    }


@contextmanager
def request_id(name: str):
    """Add the request ID `name` to every record of this thread within the context."""
    before = _request_id.set(name)
    try:
        yield
    finally:
        _request_id.reset(before)


def redact(text: str) -> str:
    """Return `text` with e-mail addresses, passwords, tokens and URL credentials redacted."""
    if "://" in text and "@" in text:
        text = re.sub(r"\S+", _without_login, text)
    for pattern, instead in _REDACTIONS:
        text = pattern.sub(instead, text)
    return text


def _without_login(word):
    """Return a word with URL credentials removed, up to the last @: passwords may contain one."""
    scheme, mark, rest = word[0].partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{HIDDEN}{at}{place}" if login else word[0]


def safe_path(request) -> str:
    """Return the request path for the log: one word, with secret arguments hidden."""
    path, match = request.path_info, request.resolver_match
    arguments = match.kwargs if match else {}
    secrets = {str(arguments[name]) for name in HIDDEN_ARGUMENTS if name in arguments}
    if match and not secrets:
        return _quoted(path)
    parts = path.split("/")
    if secrets.intersection(parts):
        return _quoted("/".join(HIDDEN if part in secrets else part for part in parts))
    # Not resolved: perhaps a mistyped secret.
    for prefix in _secret_prefixes():
        if path.startswith(prefix) and path != prefix:
            return _quoted(prefix) + HIDDEN
    return _quoted(path)


def _quoted(path):
    return quote(path, safe="/@:+,;=~!$&'()*[]")


@cache
def _secret_prefixes() -> frozenset[str]:
    """Return the prefixes of the routes with a secret argument."""
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
    """One line per record: time, level, logger, request ID, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, followed by the indented traceback if there is one."""
        time, message, trace = _parts(self, record)
        line = f"{time} {record.levelname} {record.name} [{_request_id.get()}] {message}"
        return line + "".join(f"\n    {part}" for part in trace.split("\n") if part)


class JsonFormatter(logging.Formatter):
    """One JSON object per record; access records include the request's fields."""

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
    """Return the UTC time, the message and the traceback of a record, redacted and escaped."""
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    message = redact(_message(record)).translate(_CONTROL)
    trace = ""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, OperationalError | InterfaceError):
        # During an outage each request would log the same long traceback.
        message += f" ({redact(str(error).strip()).translate(_CONTROL)})"
    elif error and not record.name.startswith("django.security"):
        trace = redact(formatter.formatException(record.exc_info)).translate(_CONTROL_BUT_LINES)
    return time, message, trace


def _message(record):
    """Return the message, with the request path that Django put in it made safe."""
    request = getattr(record, "request", None)
    path = getattr(request, "path", None)
    if path and isinstance(record.args, tuple):
        escaped = path.encode("unicode_escape").decode("ascii")
        safe = safe_path(request)
        return str(record.msg) % tuple(
            safe if part in (path, escaped) else part for part in record.args
        )
    return record.getMessage()
