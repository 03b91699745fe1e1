"""Make a backup: check the folder and its free space, snapshot the database, pack the files."""

import contextlib
import errno
import functools
import glob
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _

from camp import __version__
from camp.config import shell
from camp.db.errors import error_reason
from camp.fs.atomic import AtomicFile
from camp.fs.ownership import make_folder
from camp.operations.backup import engine_neutral, report, snapshot
from camp.operations.backup import folder as backup_folder
from camp.operations.backup.archive import FORMAT, MANIFEST, Writer
from camp.operations.backup.report import BackupResult
from camp.operations.backup.stored_files import FilePacker, PathList, StoredFiles
from camp.operations.console import Progress, Say, format_size
from camp.operations.database import environment, server
from camp.storage.object_store import StoreError

BYTES_PER_FILE = 1024  # besides its content: header, padding, checksum
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class BackupOptions:
    """What to back up, and where to.

    `output` is a file or a folder, None for the folder of backups. `keep` is how many backups
    of this kind to keep, None for all. `safety` marks the backup before a destructive command.
    """

    output: Path | None = None
    files: bool = True
    portable: bool = False
    sql: bool = False
    keep: int | None = None
    safety: bool = False

    @property
    def kind(self) -> str:
        """The part of the file's name that tells kinds of backups apart."""
        return "_safety" * self.safety or "_portable" * self.portable

    @property
    def ending(self) -> str:
        """The file's ending, without the dot."""
        return "sql" if self.sql else "tar"


def create_backup(options: BackupOptions, *, stream: TextIO | None = None) -> BackupResult:
    """Make a backup; returns its BackupResult. Progress is printed to `stream`.

    Raises CommandError, and leaves no file with the backup's name then.
    """
    if not server.database_exists():
        sentence = _("There is no database yet: nothing to back up. Make one with: %(fix)s")
        raise CommandError(sentence % {"fix": shell.manage("migrate")})
    folder, names = find_target(options)
    progress = functools.partial(Progress, stream)
    write = write_sql if options.sql else write_archive
    try:
        result = write(options, folder, names, progress)
        result.size = result.path.stat().st_size
    except OSError as error:
        raise CommandError(explain_os_error(error, folder)) from error
    except DatabaseError as error:
        sentence = _("The database cannot be read (%(why)s): no backup was made.")
        raise CommandError(sentence % {"why": error_reason(error)}) from error
    if options.keep:
        kept = result.lacks_most_files
        result.removed = None if kept else remove_older(result.path, options.keep)
    return result


def remove_older(path: Path, keep: int) -> int:
    """Remove older backups than `path`; returns how many. Raises CommandError."""
    try:
        return backup_folder.remove_older(path, keep)
    except OSError as error:
        sentence = _("The backup %(path)s was made, but older ones cannot be removed (%(why)s).")
        raise CommandError(sentence % {"path": path, "why": error.strerror or error}) from error


def safety_copy(say: Say, stream: TextIO | None = None, files: bool = True) -> Path | None:
    """Make the backup before a destructive command; returns its path.

    Returns None if there is no database. `files` says whether stored files are replaced too.
    Raises CommandError if the backup fails.
    """
    try:
        if not server.database_exists():
            return None
        say(_("A backup first."))
        result = create_backup(BackupOptions(safety=True, files=files), stream=stream)
    except (CommandError, DatabaseError) as error:
        sentence = _(
            "%(why)s Nothing was changed, since it could not be backed up. To go on without a "
            "backup, add: --no-backup"
        )
        why = str(error) if isinstance(error, CommandError) else error_reason(error) + "."
        raise CommandError(sentence % {"why": why}) from error
    for line in [*report.lines(result), *report.warnings(result)]:
        say(line)
    return result.path


def find_target(options: BackupOptions) -> tuple[Path, Iterator[str]]:
    """Return (folder, names to try); the folder exists and holds no leftovers."""
    output = options.output
    if output is None or output.is_dir():
        folder = Path(output or settings.BACKUP_FOLDER)
        with explaining_os_errors(folder):
            make_folder(folder, 0o700)
            backup_folder.remove_leftovers(folder, "backup_*")
        return folder, backup_folder.new_names(options.kind, options.ending)
    if output.suffix != f".{options.ending}" or not output.parent.is_dir():
        sentence = _("%(path)s is no folder, and no file in one that ends with .%(ending)s.")
        raise CommandError(sentence % {"path": output, "ending": options.ending})
    if options.keep:
        raise CommandError(_("Older backups can be removed in a folder only: name one."))
    if os.path.lexists(output):
        sentence = _("%(path)s exists already: nothing was overwritten. Choose another name.")
        raise CommandError(sentence % {"path": output})
    with explaining_os_errors(output.parent):
        backup_folder.remove_leftovers(output.parent, glob.escape(output.name))
    return output.parent, iter([output.name])


@contextlib.contextmanager
def explaining_os_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError about a folder into a CommandError."""
    try:
        yield
    except OSError as error:
        raise CommandError(explain_os_error(error, folder)) from error


def open_first_free(
    open_file: Callable[[Path], Opened], folder: Path, names: Iterable[str]
) -> Opened:
    """Return `open_file(path)` for the first name in `folder` that nothing has yet."""
    for name in names:
        try:
            return open_file(folder / name)
        except FileExistsError:
            path = folder / name
    raise CommandError(_("Another backup is being written to %(path)s.") % {"path": path})


def write_archive(
    options: BackupOptions, folder: Path, names: Iterable[str], progress: Callable[..., Progress]
) -> BackupResult:
    """Write an archive; returns its BackupResult."""
    made_at = datetime.now(UTC)
    refuse_without_space(folder, estimate_database(options))
    open_writer = functools.partial(Writer, mtime=made_at.timestamp())
    with open_first_free(open_writer, folder, names) as writer:
        scratch = writer.path.with_name(writer.path.name + backup_folder.SCRATCH)
        with snapshot.take(scratch, progress, dump=not options.portable) as taken:
            result = BackupResult(writer.path)
            counts = server.row_counts(taken.connection)
            if options.portable:
                result.unknown = engine_neutral.unknown_names(taken.connection)
                counts = {name: rows for name, rows in counts.items() if name not in result.unknown}
            result.rows = sum(counts.values())
            rows = StoredFiles(taken.connection) if options.files else None
            total = rows.total() if rows else None
            if rows and total:
                refuse_without_space_for_files(folder, rows, total)
            manifest = describe(options, taken, made_at, counts, total)
            text = json.dumps(manifest, ensure_ascii=False, indent=1)
            writer.add_bytes(MANIFEST, text.encode())
            if options.portable:
                with progress(result.rows, _("Packing the database"), _("rows")) as shown:
                    engine_neutral.write_tables(writer, taken.connection, shown)
            else:
                with progress(0, _("Packing the database")) as shown:
                    taken.dump(writer, shown)
            if rows and total:
                with progress(total[1], _("Packing files")) as shown:
                    result.files, result.problems = pack_files(writer, rows, shown)
    return result


def pack_files(
    writer: Writer, rows: StoredFiles, progress: Progress
) -> tuple[int, dict[str, PathList]]:
    """Pack the files of rows; returns (how many, problems)."""
    with FilePacker(writer, progress) as packer:
        packer.pack(rows)
        return packer.count, packer.problems


def write_sql(
    options: BackupOptions, folder: Path, names: Iterable[str], progress: Callable[..., Progress]
) -> BackupResult:
    """Write the database alone as SQL; returns its BackupResult."""
    refuse_without_space(folder, estimate_database(options))
    with open_first_free(AtomicFile, folder, names) as file:
        scratch = file.path.with_name(file.path.name + backup_folder.SCRATCH)
        with snapshot.as_sql(scratch) as chunks, progress(0, _("Writing SQL")) as shown:
            for chunk in chunks:
                file.stream.write(chunk)
                shown.add(len(chunk))
    return BackupResult(file.path)


def describe(
    options: BackupOptions,
    taken: snapshot.Snapshot,
    made_at: datetime,
    counts: dict[str, int],
    total: tuple[int, int] | None,
) -> dict[str, Any]:
    """Return the manifest of an archive."""
    place = server.locate_database()
    return {
        "format": FORMAT,
        "kind": "portable" if options.portable else "native",
        "camp": __version__,
        "made_at": made_at.isoformat(timespec="seconds"),
        "engine": place.engine,
        **taken.about,
        "database": place.name,
        "environment": environment.current(),
        "migrations": server.applied_migrations(taken.connection),
        "counts": counts,
        "files": {"count": total[0], "bytes": total[1]} if total else None,
    }


def estimate_database(options: BackupOptions) -> int:
    """Return how many bytes the database takes in the folder; 0 where that is not known."""
    if server.is_postgresql():
        return 0  # compressed, and far smaller than its files and indexes
    return server.database_size() * (1 if options.portable else 2)


def refuse_without_space_for_files(folder: Path, rows: StoredFiles, total: tuple[int, int]) -> None:
    """Raise CommandError if the files do not fit."""
    count, size_in_rows = total
    overhead = count * BYTES_PER_FILE
    if overhead + size_in_rows > shutil.disk_usage(folder).free:
        # Rows may name bytes that are not there.
        refuse_without_space(folder, overhead + rows.bytes_there())


def refuse_without_space(folder: Path, needed: int) -> None:
    """Raise CommandError if a folder's volume has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        sentence = _(
            "A backup takes about %(needed)s, and %(folder)s has %(free)s left. Put it "
            "elsewhere with: %(fix)s"
        )
        values = {"needed": format_size(needed), "free": format_size(free), "folder": folder}
        raise CommandError(sentence % (values | {"fix": command_for_another_folder()}))


def explain_os_error(error: OSError, folder: Path) -> str:
    """Return the sentence for a backup that failed with an OSError."""
    values = {"folder": folder, "why": error.strerror or error}
    values["fix"] = command_for_another_folder()
    if error.errno in NO_SPACE:
        return _("%(folder)s is full: no backup was made. Put it elsewhere with: %(fix)s") % values
    if error.filename and Path(settings.LOCAL_STORAGE_PATH) in Path(error.filename).parents:
        sentence = _("The stored file %(file)s cannot be read (%(why)s): no backup was made.")
        return sentence % (values | {"file": error.filename})
    if isinstance(error, StoreError):
        sentence = _("The object store cannot be read (%(why)s): no backup was made.")
        return sentence % values
    sentence = _(
        "Camp cannot write to %(folder)s (%(why)s). Put the backup elsewhere with: %(fix)s"
    )
    return sentence % values


def command_for_another_folder() -> str:
    """Return the command that puts a backup into another folder."""
    return shell.manage("backup", "--output", _("FOLDER"))
