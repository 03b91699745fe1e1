"""Restoring from an archive that camp.operations.backup made."""

import contextlib
import os
from datetime import datetime
from pathlib import Path

from django.core.management import CommandError
from django.db import connection
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import console
from camp.operations.backup import engine_neutral
from camp.operations.backup.archive import Damaged, Reader
from camp.operations.backup.restore import disk_space, postgresql, prepare
from camp.operations.backup.restore.inventory import REMARKS, Inventory
from camp.operations.backup.swap.files import storage
from camp.operations.database import server
from camp.operations.local_postgres import programs

FORMAT = 1
NATIVE = {"PostgreSQL": "database.dump", "SQLite": "database.sqlite3"}
# Where a tar says what it is, and what stands there.
MAGIC_AT, MAGIC = 257, b"ustar"


def is_archive(path):
    """Return whether a file looks like an archive of any kind; raises OSError."""
    with path.open("rb") as stream:
        stream.seek(MAGIC_AT)
        found = stream.read(len(MAGIC))
    return found == MAGIC or path.suffix == ".tar"


class Archive:
    """An archive that shall be restored.

    `files` says whether its files shall be, `counts` is {table: rows} that it tells of.
    Raises Damaged, OSError.
    """

    def __init__(self, path):
        self.path = path
        self._reader = Reader(path)
        self._manifest = self._reader.manifest()
        self._inventory = None
        with self._doubting():
            self._read_manifest()

    @contextlib.contextmanager
    def _doubting(self):
        """Refuse nothing for what a damaged manifest says; raises Damaged then."""
        try:
            yield
        except (CommandError, Damaged):
            self._reader.refuse_wrong_manifest()
            raise

    def _read_manifest(self):
        try:
            self._read(**self._manifest)
        except (TypeError, ValueError, KeyError, AttributeError):
            # Of a newer format nothing but the number is known.
            self._refuse_format()
            sentence = _("The archive %(file)s is damaged: its manifest cannot be read.")
            raise Damaged(sentence % {"file": self.path}) from None

    def _read(self, *, kind, camp, made_at, engine, migrations, counts, files, **rest):
        self._refuse_format()
        self.portable = {"portable": True, "native": False}[kind]
        self._version = str(camp)
        self.made_at = localtime(datetime.fromisoformat(made_at))
        self._engine = engine
        self._migrations = {str(app): list(names) for app, names in migrations.items()}
        self.counts = {str(table): int(rows) for table, rows in counts.items()}
        self._told = None if files is None else (int(files["count"]), int(files["bytes"]))
        self.files = self._told is not None
        self._majors = int(rest.get("engine_major") or 0), _major(rest.get("dump_tool"))

    def _refuse_format(self):
        if self._manifest["format"] != FORMAT:
            sentence = _(
                "The archive %(file)s was made by a newer Camp (%(version)s), in a form that "
                "this one cannot read: nothing was done. Bring Camp up to date first."
            )
            version = self._manifest.get("camp", "?")
            raise CommandError(sentence % {"file": self.path, "version": version})

    @property
    def runs_sql(self):
        """Whether the file holds statements that run on a server; pg_restore runs them all."""
        return not self.portable and self._engine == "PostgreSQL"

    @property
    def name(self):
        """What people call it."""
        return self.path.name

    def refuse(self):
        """Raise CommandError where this Camp, or this database, cannot take it."""
        with self._doubting():
            self._refuse()

    def _refuse(self):
        prepare.refuse_newer(self._migrations, self._version)
        here = server.place().engine
        if self.portable:
            return
        if self._engine != here:
            sentence = _(
                "The archive %(file)s is one of %(engine)s, and this database is %(here)s: "
                "nothing was done. Where it came from, make one that either takes: %(fix)s"
            )
            fix = shell.manage("backup", "--portable")
            values = {"file": self.path, "engine": self._engine, "here": here, "fix": fix}
            raise CommandError(sentence % values)
        if here == "PostgreSQL":
            self._refuse_server()

    def _refuse_server(self):
        made, tool = self._majors
        here = server.server_version()
        if made > here:
            sentence = _(
                "The archive %(file)s is one of PostgreSQL %(made)s, and this server is "
                "%(here)s: nothing was done. Where it came from, make one that any takes: %(fix)s"
            )
            fix = shell.manage("backup", "--portable")
            raise CommandError(
                sentence % {"file": self.path, "made": made, "here": here, "fix": fix}
            )
        self._programs = programs.client("pg_restore", at_least=tool)

    def refuse_without_room(self):
        """Raise CommandError where the disk has no room for all of it."""
        files = self._told[1] if self._told else 0
        rest = max(self._reader.size - files, 0)
        needed = {storage(): files * self.files}
        if connection.vendor == "postgresql" or self.portable:
            needed[storage()] += rest
        if connection.vendor == "sqlite":
            beside = Path(connection.settings_dict["NAME"]).resolve().parent
            needed[beside] = needed.get(beside, 0) + rest
        with self._doubting():
            disk_space.refuse_without(needed)

    def action(self):
        """Return the sentence that says what will happen."""
        values = {
            "file": self.path.name,
            "when": f"{self.made_at:%Y-%m-%d %H:%M}",
            "rows": f"{sum(self.counts.values()):,}",
        }
        if self.files:
            values |= {"files": f"{self._told[0]:,}", "size": console.size(self._told[1])}
            return (
                _(
                    "All of this, and all stored files, will be replaced by %(file)s of %(when)s: "
                    "%(rows)s rows, %(files)s files (%(size)s)."
                )
                % values
            )
        return _("All of this will be replaced by %(file)s of %(when)s: %(rows)s rows.") % values

    def unpack(self, new, stream):
        """Verify all of the archive, and put its members beside the present data."""
        self._tables = new.files.work / "tables"
        self._tables.mkdir(mode=0o700)
        if connection.vendor == "sqlite" and not self.portable:
            self._database = Path(new.fresh)
        else:
            self._database = new.files.work / "database"
        self._inventory = Inventory(new.files.work / "inventory")
        self._folders = set()
        self._new = new
        label = _("Checking the archive")
        with console.Progress(stream, self._reader.size, label) as shown, self._inventory:
            on_hash = self._inventory.note if self.files else None
            with self._doubting():
                self._reader.unpack(self._place, shown, on_hash)

    def _place(self, name, size):
        """Return where a member goes; None for what is only verified."""
        first, _slash, rest = name.partition("/")
        if name == "manifest.json":
            return None
        if name == NATIVE.get(self._engine) and not self.portable:
            return self._database
        if first == "tables" and self.portable and "/" not in rest:
            return self._tables / rest
        if name in REMARKS and self._told:
            return self._new.files.work / name if self.files else None
        if first == "files" and rest and self._told:
            return self._file(rest, size) if self.files else None
        sentence = _("The archive %(file)s is damaged: it holds %(name)s, which does not belong.")
        raise Damaged(sentence % {"file": self.path, "name": name})

    def _file(self, storage_path, size):
        self._inventory.expect(storage_path, size)
        target = os.path.join(self._new.files.new, storage_path)
        folder = os.path.dirname(target)
        if folder not in self._folders:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._folders.add(folder)
        return target

    def make_database(self, new):
        """Make the fresh database, if it is not what was unpacked."""
        if connection.vendor == "sqlite" and not self.portable:
            if not self._database.exists():
                raise self._without_database()
        else:
            new.make_database()

    def _without_database(self):
        sentence = _("The archive %(file)s is damaged: there is no database in it.")
        return Damaged(sentence % {"file": self.path})

    def fill(self, new, result, stream):
        """Bring the rows into the fresh database, to which Django is connected."""
        if self.portable:
            if not self._migrations:
                raise self._without_database()
            label, total = _("Rows"), sum(self.counts.values())
            with console.Progress(stream, total, label, unit=_("rows")) as shown:
                _counts, result.left_out = engine_neutral.load(
                    self._tables, self._migrations, shown
                )
            for table in result.left_out:
                self.counts.pop(table, None)
        elif connection.vendor == "postgresql":
            if not self._database.exists():
                raise self._without_database()
            postgresql.restore(self._programs, self._database)

    def check(self, new, result):
        """Hold the files against the rows; raises Damaged."""
        if self.files:
            with self._inventory as inventory:
                inventory.read_remarks(new.files.work)
                inventory.check(self._told[0], result)


def _major(version):
    return int(str(version).partition(".")[0]) if version else 0
