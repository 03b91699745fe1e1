"""What is done to every fresh database, while Django is connected to it."""

from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from camp.db.pending_migrations import find_pending_migrations
from camp.models import Instance
from camp.operations.backup.archive import Damaged
from camp.operations.database import old_tables, server

HISTORY = "django_migrations"


def check_counts(expected, result):
    """Count all rows; raises Damaged where there are not as many as `expected` says.

    That is {table: rows}, or None where nobody knows.
    """
    if connection.vendor == "sqlite":
        check_sqlite()
    counts = server.row_counts()
    result.rows = sum(counts.values())
    for table in sorted(counts.keys() | expected.keys()) if expected is not None else ():
        if counts.get(table) != expected.get(table):
            sentence = _(
                "The archive is damaged: its manifest tells of %(told)s rows in %(table)s, "
                "and %(found)s are there."
            )
            told, found = expected.get(table, 0), counts.get(table, 0)
            raise Damaged(sentence % {"table": table, "told": told, "found": found})


def check_sqlite():
    """Raise Damaged where SQLite finds its file broken."""
    thorough = server.size() <= server.CHECK_ALL_UP_TO
    if why := server.sqlite_damage(connection, thorough):
        raise Damaged(_("The database that is in it is damaged (%(why)s).") % {"why": why})


def bring_forward(result):
    """Apply the migrations that are missing; a database of the old backend stays as it is."""
    there = connection.introspection.table_names()
    if HISTORY in there:
        refuse_newer(applied())
        if is_behind():
            call_command("migrate", verbosity=0, interactive=False)
    elif old_tables.find_old_names(there):
        result.is_old = True
    else:
        raise CommandError(_("It holds no database of Camp: nothing was changed."))


def is_behind():
    """Return whether migrations are missing in the database."""
    return bool(find_pending_migrations())


def applied():
    """Return {app: names of its migrations} that the database says were applied."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        found = {}
        for app, name in cursor.fetchall():
            found.setdefault(app, []).append(name)
    return found


def refuse_newer(migrations, version=""):
    """Raise CommandError if there are migrations that this Camp does not know."""
    known = MigrationLoader(None).disk_migrations.keys()
    wanted = {(app, name) for app, names in migrations.items() for name in names}
    if unknown := sorted(wanted - known):
        sentence = _(
            "It was made by a newer Camp%(version)s: this one does not know %(migration)s. "
            "Nothing was done. Bring Camp up to date first."
        )
        version = f" ({version})" if version else ""
        raise CommandError(sentence % {"version": version, "migration": ".".join(unknown[0])})


def mark(new, environment, result):
    """Have the database remember what it is for, and which restore brought it."""
    if not result.is_old:
        values = {"environment": environment, "restored": new.id}
        Instance.objects.update_or_create(pk=1, defaults=values)


def analyse():
    """Have PostgreSQL learn how the rows are distributed, where it does not by itself, soon."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW autovacuum")
            if cursor.fetchone()[0] == "off":
                cursor.execute("ANALYZE")
