"""What runs here, and whether PostgreSQL's own programs fit."""

import platform
import sqlite3

import django
import psycopg
from django.db import connection
from django.utils.translation import gettext as _

import camp
from camp.operations.database import server as database
from camp.operations.local_postgres import programs as postgres_programs
from camp.web.findings import ok, warning

DUMP = ("pg_dump", "pg_restore")


def look():
    """Yield the versions of Camp and of what it stands on."""
    libpq = psycopg.pq.version()
    values = {
        "camp": camp.__version__,
        "python": platform.python_version(),
        "django": django.__version__,
        "psycopg": psycopg.__version__,
        "libpq": f"{libpq // 10_000}.{libpq % 10_000}",
        "sqlite": sqlite3.sqlite_version,
    }
    sentence = _(
        "Camp %(camp)s, Python %(python)s, Django %(django)s, psycopg %(psycopg)s "
        "(libpq %(libpq)s), SQLite %(sqlite)s"
    )
    yield ok("versions", sentence % values)


def programs():
    """Are PostgreSQL's programs here, and new enough for the server?"""
    found = list(postgres_programs.installations(*DUMP))
    if not database.is_postgresql():
        if found:
            yield here(found)
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        server = int(cursor.fetchone()[0]) // 10_000
    try:
        postgres_programs.client(*DUMP, at_least=server)
    except postgres_programs.ToolsMissing as missing:
        title = _("PostgreSQL %(server)s cannot be backed up from this machine")
        yield warning("postgresql.programs", title % {"server": server}, str(missing))
    else:
        yield here(found)


def here(found):
    """Return the Finding for programs that are there."""
    listed = ", ".join(f"{each.version} ({each.folder})" for each in found)
    title = _("PostgreSQL's programs are here: %(listed)s") % {"listed": listed}
    return ok("postgresql.programs", title)
