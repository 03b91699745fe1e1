"""Restore from an archive that `manage.py backup` made."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management import CommandError
from django.db import connection
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from camp.config import shell
from camp.fs.ownership import make_folder
from camp.operations import console
from camp.operations.backup import engine_neutral
from camp.operations.backup.archive import FORMAT, MANIFEST, Damaged, Reader
from camp.operations.backup.restore import postgresql, prepare
from camp.operations.backup.restore.prepare import Result
from camp.operations.backup.restore.stored_files import REMARKS, ArchivedFiles
from camp.operations.backup.snapshot import DUMP, SQLITE_COPY
from camp.operations.backup.swap import AtomicSwap
from camp.operations.database import server
from camp.operations.local_postgres import programs

NATIVE = {"PostgreSQL": DUMP, "SQLite": SQLITE_COPY}
# Where a tar says what it is, and what stands there.
MAGIC_AT, MAGIC = 257, b"ustar"


def is_archive(path: Path) -> bool:
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

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = Reader(path)
        self._manifest = self._reader.manifest()
        self._files: ArchivedFiles  # from `unpack` on
        self.left_out: list[str] = []  # tables and columns that no migration makes
        with self._trusting_manifest():
            self._read_manifest()

    @contextlib.contextmanager
    def _trusting_manifest(self) -> Iterator[None]:
        """Where the manifest gives a reason to refuse, see whether it is damaged itself."""
        try:
            yield
        except (CommandError, Damaged):
            self._reader.refuse_wrong_manifest()
            raise

    def _read_manifest(self) -> None:
        try:
            self._set_attributes(**self._manifest)
        except (TypeError, ValueError, KeyError, AttributeError):
            # Of a newer format nothing but the number is known.
            self._refuse_format()
            sentence = _("The archive %(file)s is damaged: its manifest cannot be read.")
            raise Damaged(sentence % {"file": self.path}) from None

    def _set_attributes(
        self,
        *,
        kind: Any,
        camp: Any,
        made_at: Any,
        engine: Any,
        migrations: Any,
        counts: Any,
        files: Any,
        **rest: Any,
    ) -> None:
        self._refuse_format()
        self.portable = {"portable": True, "native": False}[kind]
        self._version = str(camp)
        self.made_at = localtime(datetime.fromisoformat(made_at))
        self._engine = engine
        self._migrations = {str(app): list(names) for app, names in migrations.items()}
        self.counts = {str(table): int(rows) for table, rows in counts.items()}
        self._claimed = None if files is None else (int(files["count"]), int(files["bytes"]))
        self.files = self._claimed is not None
        self._server_major = int(rest.get("engine_major") or 0)
        self._tool_major = programs.number_in(rest.get("dump_tool"))

    def _refuse_format(self) -> None:
        if self._manifest["format"] != FORMAT:
            sentence = _(
                "The archive %(file)s was made by a newer Camp (%(version)s), in a format that "
                "this one cannot read: nothing was done. Update Camp first."
            )
            version = self._manifest.get("camp", "?")
            raise CommandError(sentence % {"file": self.path, "version": version})

    @property
    def runs_sql(self) -> bool:
        """Whether the file holds statements that run on a server; pg_restore runs them all."""
        return not self.portable and self._engine == "PostgreSQL"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.path.name

    def refuse(self) -> None:
        """Raise CommandError where this Camp, or this database, cannot take it."""
        with self._trusting_manifest():
            self._refuse()

    def _refuse(self) -> None:
        prepare.refuse_newer(self._migrations, self._version)
        if self.portable:
            return
        prepare.refuse_other_engine(self.path, self._engine)
        if server.is_postgresql():
            self._refuse_server()

    def _refuse_server(self) -> None:
        here = server.server_version() or 0
        if self._server_major > here:
            sentence = _(
                "The archive %(file)s is for PostgreSQL %(made)s, and this server is version "
                "%(here)s: nothing was done. On the original installation, make an archive for "
                "any version with: %(fix)s"
            )
            fix = shell.manage("backup", "--portable")
            values = {"file": self.path, "made": self._server_major, "here": here, "fix": fix}
            raise CommandError(sentence % values)
        self._programs = programs.client("pg_restore", at_least=self._tool_major)

    def refuse_without_room(self) -> None:
        """Raise CommandError where the disk has no room for all of it."""
        files = self._claimed[1] if self._claimed else 0
        rest = max(self._reader.size - files, 0)
        storage = Path(settings.LOCAL_STORAGE_PATH)
        make_folder(storage, 0o700)
        needed = {storage: files * self.files}
        if connection.vendor == "postgresql" or self.portable:
            needed[storage] += rest
        if connection.vendor == "sqlite":
            beside = Path(connection.settings_dict["NAME"]).resolve().parent
            needed[beside] = needed.get(beside, 0) + rest
        with self._trusting_manifest():
            prepare.refuse_without_room(needed)

    def action(self) -> str:
        """Return the sentence that says what will happen."""
        values = {
            "file": self.path.name,
            "when": f"{self.made_at:%Y-%m-%d %H:%M}",
            "rows": f"{sum(self.counts.values()):,}",
        }
        if self.files and self._claimed:
            values |= {
                "files": f"{self._claimed[0]:,}",
                "size": console.format_size(self._claimed[1]),
            }
            return (
                _(
                    "All of this, and all stored files, will be replaced by %(file)s of %(when)s: "
                    "%(rows)s rows, %(files)s files (%(size)s)."
                )
                % values
            )
        return _("All of this will be replaced by %(file)s of %(when)s: %(rows)s rows.") % values

    def unpack(self, new: AtomicSwap, stream: TextIO) -> None:
        """Verify all of the archive, and unpack it into the work folder of the swap `new`."""
        self._folder = new.folder
        self._tables = new.folder / "tables"
        self._tables.mkdir(mode=0o700)
        if connection.vendor == "sqlite" and not self.portable:
            self._database = Path(new.database)
        else:
            self._database = new.folder / "database"
        self._files = ArchivedFiles(new.folder)
        label = _("Checking the archive")
        with console.Progress(stream, self._reader.size, label) as progress, self._files:
            on_hash = self._files.note if self.files else None
            with self._trusting_manifest():
                self._reader.unpack(self._place, progress, on_hash)

    def _place(self, name: str, size: int) -> Path | None:
        """Return where a member goes; None for what is only verified."""
        first, _slash, rest = name.partition("/")
        if name == MANIFEST:
            return None
        if name == NATIVE.get(self._engine) and not self.portable:
            return self._database
        if first == "tables" and self.portable and "/" not in rest:
            return self._tables / rest
        if name in REMARKS and self._claimed:
            return self._folder / name if self.files else None
        if first == "files" and rest and self._claimed:
            return self._files.expect(rest, size) if self.files else None
        sentence = _("The archive %(file)s is damaged: it holds %(name)s, which does not belong.")
        raise Damaged(sentence % {"file": self.path, "name": name})

    def create_database(self, new: AtomicSwap) -> None:
        """Create the new database, if it is not what was unpacked."""
        if connection.vendor == "sqlite" and not self.portable:
            if not self._database.exists():
                raise self._without_database()
        else:
            new.create_database()

    def _without_database(self) -> Damaged:
        sentence = _("The archive %(file)s is damaged: there is no database in it.")
        return Damaged(sentence % {"file": self.path})

    def fill(self, stream: TextIO) -> None:
        """Bring the rows into the new database, to which Django is connected."""
        if self.portable:
            if not self._migrations:
                raise self._without_database()
            label, total = _("Rows"), sum(self.counts.values())
            with console.Progress(stream, total, label, unit=_("rows")) as progress:
                _counts, self.left_out = engine_neutral.load(
                    self._tables, self._migrations, progress
                )
            for table in self.left_out:
                self.counts.pop(table, None)
        elif connection.vendor == "postgresql":
            if not self._database.exists():
                raise self._without_database()
            postgresql.restore_custom(self._programs, self._database)

    def check_files(self, result: Result) -> None:
        """Hold the files against the rows of the new database; raises Damaged."""
        if self.files and self._claimed:
            with self._files as files:
                files.read_remarks()
                files.check(self._claimed[0], result)

    def add_files(self, undo: contextlib.ExitStack) -> None:
        """Add the files to the storage; `undo` is an ExitStack that removes them again."""
        if self.files:
            with self._files as files:
                files.add_to_storage(undo)
