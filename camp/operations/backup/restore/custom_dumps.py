"""Restoring from pg_dump's custom format (`pg_dump -Fc`)."""

import os
from pathlib import Path

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import console
from camp.operations.backup.restore import postgresql
from camp.operations.database import server
from camp.operations.local_postgres import programs

MAGIC = b"PGDMP"


def is_custom_dump(path):
    """Return whether a file begins as a custom dump; raises OSError."""
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


class CustomDump:
    """A custom dump that shall be restored; the stored files stay as they are.

    Does what camp.operations.backup.restore.dumps.Dump does for plain SQL.
    """

    files = False
    counts = None
    runs_sql = True

    def __init__(self, path):
        self.path = Path(path)

    @property
    def name(self):
        """What people call it."""
        return self.path.name

    def refuse(self):
        """Raise CommandError where this database cannot take it."""
        here = server.place().engine
        if here != "PostgreSQL":
            sentence = _(
                "The dump %(file)s is one of %(engine)s, and this database is %(here)s: nothing "
                "was done. Where it came from, make an archive that either takes: %(fix)s"
            )
            fix = shell.manage("backup", "--portable")
            values = {"file": self.path, "engine": "PostgreSQL", "here": here, "fix": fix}
            raise CommandError(sentence % values)
        self._programs = programs.newest_client("pg_restore")

    def refuse_without_room(self):
        """Do nothing: PostgreSQL's disk may be on another machine."""

    def action(self):
        """Return the sentence that says what will happen."""
        sentence = _(
            "All of this will be replaced by the dump %(file)s (%(size)s). The stored files stay."
        )
        size = console.size(self.path.stat().st_size)
        return sentence % {"file": self.path.name, "size": size}

    def unpack(self, new, stream):
        """Read all of the dump; raises Damaged where it is cut or damaged."""
        postgresql.write_sql(self._programs, self.path, os.devnull)

    def make_database(self, new):
        """Make the fresh database."""
        new.make_database()

    def fill(self, new, result, stream):
        """Bring the dump into the fresh database, to which Django is connected."""
        postgresql.restore(self._programs, self.path)

    def check(self, new, result):
        """Do nothing: no files came with it."""
