"""The versions of Camp and what it runs on, and the programs of PostgreSQL."""

import platform
import sqlite3
from collections.abc import Iterator

import django
import psycopg
from django.utils.translation import gettext as _

import camp
from camp.operations.database import server
from camp.operations.local_postgres import programs
from camp.web.findings import Finding, ok, warning

DUMP_PROGRAMS = ("pg_dump", "pg_restore")


def check_versions() -> Iterator[Finding]:
    """Yield the versions of Camp and its main dependencies."""
    libpq = psycopg.pq.version()
    values = {
        "camp": camp.__version__,
        "python": platform.python_version(),
        "django": django.__version__,
        "psycopg": psycopg.__version__,
        "libpq": f"{libpq // 10_000}.{libpq % 10_000}",
        "sqlite": sqlite3.sqlite_version,
    }
    title = _(
        "Camp %(camp)s, Python %(python)s, Django %(django)s, psycopg %(psycopg)s "
        "(libpq %(libpq)s), SQLite %(sqlite)s"
    )
    yield ok("versions", title % values)


def check_programs() -> Iterator[Finding]:
    """Yield whether this machine has programs that can dump the configured PostgreSQL."""
    if server.is_postgresql():
        version = server.server_version() or 0
        try:
            programs.client(*DUMP_PROGRAMS, at_least=version)
        except programs.ToolsMissing as missing:
            title = _("PostgreSQL %(server)s cannot be backed up from this machine")
            yield warning("postgresql.programs", title % {"server": version}, str(missing))
            return
    if found := list(programs.installations(*DUMP_PROGRAMS)):
        names = ", ".join(f"{each.version} ({each.folder})" for each in found)
        title = _("PostgreSQL's programs are installed: %(names)s")
        yield ok("postgresql.programs", title % {"names": names})
