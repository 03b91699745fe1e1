"""Checks before the restore, and what is done to every new database once it is filled."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from camp.config import shell
from camp.db.pending_migrations import find_pending_migrations
from camp.models import Instance
from camp.operations.backup.archive import Damaged
from camp.operations.console import format_size
from camp.operations.database import old_tables, server


@dataclass
class Result:
    """What the steps of a restore found, for what is said at its end."""

    rows: int = 0
    files: int = 0
    without_bytes: int = 0  # rows whose file is not in the storage
    is_sample: bool = False  # whether only some rows were looked at for that
    is_old: bool = False  # whether it is a database of the old backend


def refuse_without_room(needed: dict[Path, int]) -> None:
    """Raise CommandError where a volume has less left than `needed`, {folder: bytes}, takes."""
    volumes: dict[int, list[Any]] = {}  # {device: [one of its folders, bytes]}
    for folder, amount in needed.items():
        volume = volumes.setdefault(os.stat(folder).st_dev, [folder, 0])
        volume[1] += amount
    for folder, amount in volumes.values():
        free = shutil.disk_usage(folder).free
        if free < amount:
            sentence = _(
                "The disk of %(folder)s has %(free)s left, and the restore needs %(needed)s there "
                "beside the present data: nothing was done."
            )
            values = {"folder": folder, "free": format_size(free), "needed": format_size(amount)}
            raise CommandError(sentence % values)


def check_counts(expected: dict[str, int] | None, result: Result) -> None:
    """Count all rows; raises Damaged where there are not as many as `expected` says.

    That is {table: rows}, or None where it is not known.
    """
    if connection.vendor == "sqlite":
        check_sqlite()
    counts = server.row_counts()
    result.rows = sum(counts.values())
    if expected is None:
        return
    for table in sorted(counts.keys() | expected.keys()):
        if counts.get(table) != expected.get(table):
            sentence = _(
                "The archive is damaged: its manifest lists %(told)s rows in %(table)s, and it "
                "contains %(found)s."
            )
            told, found = expected.get(table, 0), counts.get(table, 0)
            raise Damaged(sentence % {"table": table, "told": told, "found": found})


def check_sqlite() -> None:
    """Raise Damaged where SQLite finds its file broken."""
    thorough = server.database_size() <= server.CHECK_ALL_UP_TO
    if why := server.sqlite_damage(connection, thorough):
        raise Damaged(_("The database that is in it is damaged (%(why)s).") % {"why": why})


def bring_forward(result: Result) -> None:
    """Apply the migrations that are missing; a database of the old backend stays as it is."""
    there = connection.introspection.table_names()
    if server.HISTORY in there:
        refuse_newer(server.applied_migrations(connection))
        if find_pending_migrations():
            call_command("migrate", verbosity=0, interactive=False)
    elif old_tables.find_old_names(there):
        result.is_old = True
    else:
        raise CommandError(_("It does not contain a Camp database: nothing was changed."))


def refuse_other_engine(path: Path, engine: str | None) -> None:
    """Raise CommandError where the configured database is not of the engine of a file."""
    here = server.locate_database().engine
    if engine != here:
        sentence = _(
            "%(file)s is for %(engine)s, and this database is %(here)s: nothing was done. On the "
            "original installation, make an archive for either with: %(fix)s"
        )
        fix = shell.manage("backup", "--portable")
        raise CommandError(sentence % {"file": path, "engine": engine, "here": here, "fix": fix})


def refuse_newer(migrations: dict[str, list[str]], version: str = "") -> None:
    """Raise CommandError if there are migrations that this Camp does not know."""
    known = MigrationLoader(None).disk_migrations.keys()
    wanted = {(app, name) for app, names in migrations.items() for name in names}
    if unknown := sorted(wanted - known):
        sentence = _(
            "It was made by a newer Camp%(version)s: this one does not know %(migration)s. "
            "Nothing was done. Update Camp first."
        )
        version = f" ({version})" if version else ""
        raise CommandError(sentence % {"version": version, "migration": ".".join(unknown[0])})


def write_mark(environment: str, restore_id: str, result: Result) -> None:
    """Mark the new database with its environment, and with the restore that made it."""
    if not result.is_old:
        values = {"environment": environment, "restored": restore_id}
        Instance.objects.update_or_create(pk=1, defaults=values)


def analyse() -> None:
    """Update PostgreSQL's statistics, where autovacuum will not."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW autovacuum")
            if cursor.fetchone()[0] == "off":
                cursor.execute("ANALYZE")
