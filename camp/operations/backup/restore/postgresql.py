"""pg_dump's own format into a fresh PostgreSQL database."""

import os
import subprocess
import tempfile

from django.db import connection
from django.utils.translation import gettext as _

from camp.operations.backup.archive import Damaged
from camp.operations.backup.restore import statements
from camp.operations.database import server

# From this major on pg_restore sets what older servers do not know.
UNKNOWN_SETTING = 17
JOBS = 4
SAME = ["--no-owner", "--no-privileges", "--exit-on-error"]


def restore(programs, dump):
    """Fill the empty database that Django is connected to; raises Damaged.

    `programs` are those of a PostgreSQL that can read the dump.
    """
    name = connection.settings_dict["NAME"]
    if programs.major >= UNKNOWN_SETTING > server.server_version():
        command = [programs.path("pg_restore"), *SAME, "--file=-", dump]
        with _running(command, name, stdout=subprocess.PIPE) as process:
            statements.execute(iter(process.stdout), name)
        return
    jobs = f"--jobs={min(JOBS, os.cpu_count() or 1)}"
    command = [programs.path("pg_restore"), *SAME, "--no-password", jobs, dump]
    with _running([*command, f"--dbname={_quoted(name)}"], name):
        pass


def write_sql(programs, dump, target):
    """Write a dump as SQL into the file `target`; raises Damaged where it cannot be read whole."""
    command = [programs.path("pg_restore"), *SAME, f"--file={target}", dump]
    with _running(command, connection.settings_dict["NAME"]):
        pass


def _quoted(name):
    """Return a connection string for a database of any name."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"


class _running:
    """A program that must end well."""

    def __init__(self, command, name, **options):
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(word) for word in command],
            env=server.program_environment(name),
            stdin=subprocess.DEVNULL,
            stderr=self._errors,
            **options,
        )

    def __enter__(self):
        return self._process

    def __exit__(self, kind, error, traceback):
        with self._errors:
            if kind is not None:
                self._process.kill()
            self._process.communicate()
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").splitlines()
        if kind is None and self._process.returncode:
            # What follows the first line is the statement, which may hold what people wrote.
            told = next((line for line in lines if "error:" in line), "".join(lines[:1]))
            why = told.partition("error: ")[2] or told
            raise Damaged(_("pg_restore could not restore it (%(why)s).") % {"why": why})
