"""Classify database errors: no connection, a missing table, or a transient failure."""

from django.db import DatabaseError, InterfaceError, OperationalError, connection

# https://www.postgresql.org/docs/current/errcodes-appendix.html: classes of a connection that
# failed or was refused, and errors of a connection that the server ended.
LOST_CLASSES = ("08", "28", "3D")
LOST = ("53300", "57P01", "57P02", "57P03", "57P04", "57P05")
# Classes of transient errors: serialization, resources, locks, operator intervention.
TRANSIENT_CLASSES = ("40", "53", "55", "57", "58")
# SQLite's messages about its file: https://www.sqlite.org/rescode.html
FILE_WORDS = (
    "unable to open database",
    "database is locked",
    "database table is locked",
    "disk i/o error",
    "file is not a database",
    "database disk image is malformed",
    "database or disk is full",
    "readonly database",
    "locking protocol",
)
# Lines that libpq adds to the one that matters.
HINTS = ("Is the server running", "Multiple connection attempts failed")
MISSING = ("42P01", "42703")  # a table, a column
MISSING_WORDS = ("no such table", "no such column", "has no column named")


def sqlstate(error):
    """Return the SQLSTATE of a PostgreSQL error, or ""."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def is_connection_error(error):
    """Return whether an exception means that there is no connection to the database.

    For SQLite, that its file cannot be used.
    """
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    if error.__cause__ is not None and not hasattr(error.__cause__, "sqlstate"):
        return any(words in str(error).lower() for words in FILE_WORDS)
    code = sqlstate(error)
    if not code:  # psycopg gives none if it could not connect
        return isinstance(error, OperationalError)
    return code.startswith(LOST_CLASSES) or code in LOST


def lacks_tables(error):
    """Return whether a table or a column is missing."""
    code = sqlstate(error)
    if code:
        return code in MISSING
    return isinstance(error, DatabaseError) and any(word in str(error) for word in MISSING_WORDS)


def is_transient(error):
    """Return whether the same request may succeed later, such as after a deadlock."""
    return isinstance(error, OperationalError) and sqlstate(error).startswith(TRANSIENT_CLASSES)


def error_reason(error):
    """Return the line of an error (or its text) that gives the reason, without the password."""
    lines = [line.strip(" \t-") for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(HINTS)]
    # The reason is in the first line for a statement, in the last for a connection.
    cause = getattr(error, "__cause__", None)
    which = 0 if getattr(cause, "sqlstate", None) else -1
    line = telling[which] if telling else type(error).__name__
    line = line.rpartition("FATAL: ")[2].strip()
    secret = connection.settings_dict.get("PASSWORD")
    return line.replace(secret, "***") if secret else line
