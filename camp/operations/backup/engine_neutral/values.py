"""One value as JSON tells it, and as each engine keeps it.

A value that is not of its column's kind, as SQLite allows, is told with its own type, such
as {"text": "unknown"} in a column of dates.
"""

import base64
import json
import math
import re

# As Django writes them into SQLite.
SQLITE_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{6})?)")
POSTGRESQL_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
TIME = re.compile(r"(\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def tagged(value):
    """Return a value with its type beside it."""
    if isinstance(value, (bytes, memoryview)):
        return {"bytes": _base64(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    return {"text": str(value)}


def untagged(value):
    """Return the value of what `tagged` made."""
    [(kind, content)] = value.items()
    if kind == "bytes":
        return base64.b64decode(content)
    return float(content) if kind == "float" else content


def without_nul(value):
    """Return a value that PostgreSQL keeps: of text, it takes all but the character NUL."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=tagged).encode


def _base64(value):
    return base64.b64encode(value).decode("ascii")


def _encoded_bytes(value):
    return _base64(value) if isinstance(value, (bytes, memoryview)) else _odd(value)


def _odd(value):
    """Return a value that is not of its column's kind."""
    return tagged(value) if isinstance(value, str) else value


def _encoded_float(value):
    return tagged(value) if isinstance(value, float) and not math.isfinite(value) else value


def _encoded_boolean(value):
    return bool(value) if value in (0, 1) else _odd(value)


def _encoded_decimal(value):
    if isinstance(value, str):
        return value if NUMBER.fullmatch(value) else tagged(value)
    if isinstance(value, float) and not math.isfinite(value):
        return tagged(value)
    return repr(value) if isinstance(value, (int, float)) else value


def _sqlite_moment(zone):
    def encoded(value):
        found = isinstance(value, str) and SQLITE_MOMENT.fullmatch(value)
        return f"{found[1]}T{found[2]}{zone}" if found else _odd(value)

    return encoded


def _postgresql_moment(zone):
    def encoded(value):
        found = POSTGRESQL_MOMENT.fullmatch(value)
        return f"{found[1]}T{_clock(found[2], found[3])}{zone}" if found else tagged(value)

    return encoded


def _clock(seconds, fraction):
    return f"{seconds}.{fraction:0<6}" if fraction else seconds


def _encoded_date(value):
    return value if isinstance(value, str) and DATE.fullmatch(value) else _odd(value)


def _sqlite_time(value):
    return value if isinstance(value, str) and TIME.fullmatch(value) else _odd(value)


def _postgresql_time(value):
    found = TIME.fullmatch(value)
    return _clock(found[1], found[2]) if found else tagged(value)


# From what the engine gives to what JSON tells; a kind that is missing needs no change.
ENCODERS = {
    "postgresql": {
        "bytes": _encoded_bytes,
        "float": _encoded_float,
        "datetime": _postgresql_moment("Z"),
        "timestamp": _postgresql_moment(""),
        "date": _encoded_date,
        "time": _postgresql_time,
    },
    "sqlite": {
        "boolean": _encoded_boolean,
        "bytes": _encoded_bytes,
        "float": _encoded_float,
        "decimal": _encoded_decimal,
        "datetime": _sqlite_moment("Z"),
        "timestamp": _sqlite_moment(""),
        "date": _encoded_date,
        "time": _sqlite_time,
    },
}


def _decoded_bytes(value):
    return base64.b64decode(value) if isinstance(value, str) else value


def _as_sqlite_moment(value):
    return value.removesuffix("Z").replace("T", " ") if isinstance(value, str) else value


def _as_interval(value):
    return f"{value} microseconds" if isinstance(value, int) else value


def _without_hyphens(value):
    return value.replace("-", "") if isinstance(value, str) else value


def decoder(vendor, kind, target):
    """Return the function that makes of JSON what an engine keeps, or None for no change.

    `kind` is that of the column that was told, `target` the Column that takes it.
    """
    if kind == "bytes":
        return _decoded_bytes
    if vendor == "postgresql":
        # SQLite keeps a duration of Django's in a column of whole numbers.
        return _as_interval if target.kind == "duration" else None
    if kind in ("datetime", "timestamp"):
        return _as_sqlite_moment
    # Django keeps an UUID so; a column of text keeps what people were told.
    if kind == "uuid" and target.type.lower() in ("char(32)", "uuidtext"):
        return _without_hyphens
    return None
