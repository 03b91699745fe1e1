"""A copy of the old database, made before anything changes."""

import contextlib
import os
import sqlite3
import subprocess

from django.conf import settings
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from camp.db.errors import error_reason
from camp.operations.database import server


def copy():
    """Copy the configured database into the folder of backups; returns the file.

    With PostgreSQL it is plain SQL as of pg_dump, with SQLite a database. Raises
    CommandError where it cannot be made.
    """
    folder = settings.BACKUP_FOLDER
    suffix = ".sql" if server.is_postgresql() else ".sqlite3"
    file = folder / f"before_takeover_{timezone.localtime():%Y%m%d_%H%M%S}{suffix}"
    part = file.with_name(f"{file.name}.part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        (dump if server.is_postgresql() else copy_file)(part)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(part, file)
    except OSError as error:
        raise CommandError(not_made(error.strerror or error)) from None
    finally:
        part.unlink(missing_ok=True)
    return file


def dump(file):
    """Write a PostgreSQL as SQL."""
    from camp.operations.local_postgres.programs import client

    programs = client("pg_dump", at_least=server.server_version())
    done = subprocess.run(
        [programs.path("pg_dump"), "--no-password", "--file", file],
        env=server.program_environment(),
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise CommandError(not_made(error_reason(done.stderr)))


def copy_file(file):
    """Write an SQLite database as another."""
    connection.ensure_connection()
    with contextlib.closing(sqlite3.connect(file)) as target:
        connection.connection.backup(target)


def not_made(why):
    """Return the sentence for a copy that could not be made."""
    sentence = _(
        "No copy of the database could be made (%(why)s): nothing was changed. Whoever has one "
        "adds --no-backup."
    )
    return sentence % {"why": why}
