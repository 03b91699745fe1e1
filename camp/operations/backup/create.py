"""Making a backup: the folder and its room, the picture of the database, then its files."""

import contextlib
import errno
import functools
import glob
import json
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _

from camp import __version__
from camp.config import shell
from camp.db.errors import error_reason
from camp.fs.ownership import make_folder
from camp.operations.backup import engine_neutral as portable
from camp.operations.backup import folder as folders
from camp.operations.backup import report, snapshot
from camp.operations.backup.archive import Part, Writer
from camp.operations.backup.archive.reader import MANIFEST
from camp.operations.backup.stored_files import Packed, StoredFiles, bytes_there
from camp.operations.console import Progress, Silent, size
from camp.operations.database import environment, server
from camp.storage.object_store import StoreError

FORMAT = 1
# What a file costs beside its bytes: header, filling, checksum.
EACH_FILE = 1024
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Wanted:
    """What a backup shall hold, and where it goes.

    `output` is a file or a folder, None for the folder of backups; `keep` how many
    archives of this kind stay, None for all; `safety` says that a command is about to
    replace the data.
    """

    output: Path | None = None
    files: bool = True
    portable: bool = False
    sql: bool = False
    keep: int | None = None
    safety: bool = False

    @property
    def kind(self):
        """What stands in the name before its ending."""
        return "_safety" * self.safety or "_portable" * self.portable

    @property
    def ending(self):
        """The file's ending, without the dot."""
        return "sql" if self.sql else "tar"


@dataclass
class Made:
    """A backup that was made."""

    path: Path
    bytes: int = 0
    rows: int | None = None
    files: int | None = None
    # {what is not right: Found}; see camp.operations.backup.stored_files.Packed.
    remarks: dict = field(default_factory=dict)
    # How many older ones went; None where they were left, since this one is no substitute.
    removed: int | None = 0

    @property
    def is_hollow(self):
        """Whether more files are missing than are in it: the storage may be another one."""
        return bool(self.remarks) and self.remarks["lost"].count > self.files


def make(wanted, *, stream=None):
    """Make a backup; returns what was Made. Progress goes to `stream`.

    Raises CommandError, or DatabaseError where the database does not answer; there is no
    file with the backup's name then.
    """
    if not server.is_there():
        sentence = _("There is no database yet: nothing to back up. Make one with: %(fix)s")
        raise CommandError(sentence % {"fix": shell.manage("migrate")})
    folder, names = where(wanted)
    progress = functools.partial(shown, stream)
    try:
        if wanted.sql:
            made = write_sql(wanted, folder, names, progress)
        else:
            made = write_archive(wanted, folder, names, progress)
        made.bytes = made.path.stat().st_size
    except OSError as error:
        raise CommandError(failed(error, folder)) from error
    except DatabaseError as error:
        sentence = _("The database cannot be read (%(why)s): no backup was made.")
        raise CommandError(sentence % {"why": error_reason(error)}) from error
    if wanted.keep:
        made.removed = None if made.is_hollow else removed_older(made.path, wanted.keep)
    return made


def removed_older(path, keep):
    """Remove older backups than `path`; returns how many. Raises CommandError."""
    try:
        return folders.remove_older(path, keep)
    except OSError as error:
        sentence = _("The backup %(path)s was made, but older ones cannot be removed (%(why)s).")
        raise CommandError(sentence % {"path": path, "why": error.strerror or error}) from error


def safety_copy(say, stream=None, files=True):
    """Make the backup that goes before a command that replaces the data; returns its path.

    `files` says whether stored files are replaced, too. Returns None where there is no
    database. Raises CommandError where none can be made.
    """
    try:
        if not server.is_there():
            return None
        say(_("A backup first."))
        made = make(Wanted(safety=True, files=files), stream=stream)
    except (CommandError, DatabaseError) as error:
        sentence = _(
            "%(why)s Nothing was touched, since it could not be backed up; whoever wants to go "
            "on without a backup adds: --no-backup"
        )
        why = str(error) if isinstance(error, CommandError) else error_reason(error) + "."
        raise CommandError(sentence % {"why": why}) from error
    for line in [*report.lines(made), *report.warnings(made)]:
        say(line)
    return made.path


def where(wanted):
    """Return (folder, names to try) of a backup; the folder is there and cleaned up."""
    output = wanted.output
    if output is None or output.is_dir():
        folder = Path(output or settings.BACKUP_FOLDER)
        with naming(folder):
            make_folder(folder, 0o700)
            folders.clean(folder, "backup_*")
        return folder, folders.names(wanted.kind, wanted.ending)
    if output.suffix != f".{wanted.ending}" or not output.parent.is_dir():
        sentence = _("%(path)s is no folder, and no file in one that ends with .%(ending)s.")
        raise CommandError(sentence % {"path": output, "ending": wanted.ending})
    if wanted.keep:
        raise CommandError(_("Older backups can be removed in a folder only: name one."))
    if os.path.lexists(output):
        sentence = _("%(path)s is there already: nothing was overwritten. Choose another name.")
        raise CommandError(sentence % {"path": output})
    with naming(output.parent):
        folders.clean(output.parent, glob.escape(output.name))
    return output.parent, iter([output.name])


@contextlib.contextmanager
def naming(folder):
    """Turn an OSError about a folder into a CommandError."""
    try:
        yield
    except OSError as error:
        raise CommandError(failed(error, folder)) from error


def begun(kind, folder, names):
    """Return what `kind` makes of the first path that nobody else has."""
    for name in names:
        try:
            return kind(folder / name)
        except FileExistsError:
            path = folder / name
    raise CommandError(_("Another backup is just writing %(path)s.") % {"path": path})


def write_archive(wanted, folder, names, progress):
    """Write an archive into a folder; returns what was Made."""
    made_at = datetime.now(UTC)
    refuse_without_room(folder, bytes_of_database(wanted))
    with begun(lambda path: Writer(path, made_at.timestamp()), folder, names) as writer:
        scratch = writer.path.with_name(writer.path.name + folders.SCRATCH)
        with snapshot.taken(scratch, progress, dump=not wanted.portable) as picture:
            counts = picture.counts()
            made = Made(writer.path, rows=sum(counts.values()))
            rows = StoredFiles(picture.connection) if wanted.files else None
            claimed = rows.total() if rows else None
            if rows:
                refuse_without_room_for(rows, claimed, folder)
            manifest = described(wanted, picture, made_at, counts, claimed)
            text = json.dumps(manifest, ensure_ascii=False, indent=1)
            writer.add_bytes(MANIFEST, text.encode())
            if wanted.portable:
                with progress(_("Packing the database"), made.rows, _("rows")) as shown:
                    portable.write_tables(writer, picture.connection, shown)
            else:
                with progress(_("Packing the database"), 0) as shown:
                    picture.dump(writer, shown)
            if rows:
                with progress(_("Packing files"), claimed[1]) as shown:
                    made.files, made.remarks = pack_files(writer, rows, shown)
    return made


def pack_files(writer, rows, progress):
    """Pack the files of rows; returns (how many, remarks on them)."""
    with Packed(writer, progress) as packed:
        packed.add(rows)
        return packed.count, packed.remarks


def write_sql(wanted, folder, names, progress):
    """Write the database alone as SQL; returns what was Made."""
    refuse_without_room(folder, bytes_of_database(wanted))
    with begun(Part, folder, names) as part:
        scratch = part.path.with_name(part.path.name + folders.SCRATCH)
        with snapshot.as_sql(scratch) as chunks, progress(_("Writing SQL"), 0) as shown:
            for chunk in chunks:
                part.write(chunk)
                shown.add(len(chunk))
    return Made(part.path)


def described(wanted, picture, made_at, counts, claimed):
    """Return the manifest of an archive."""
    place = server.place()
    return {
        "format": FORMAT,
        "kind": "portable" if wanted.portable else "native",
        "camp": __version__,
        "made_at": made_at.isoformat(timespec="seconds"),
        "engine": place.engine,
        **picture.about,
        "database": place.name,
        "environment": environment.current(),
        "migrations": picture.migrations(),
        "counts": counts,
        "files": {"count": claimed[0], "bytes": claimed[1]} if claimed else None,
    }


def bytes_of_database(wanted):
    """Return how many bytes the database will take in the folder, as far as that is known."""
    if server.is_postgresql():
        return 0  # compressed, and far smaller than what its files and indexes take
    return server.size() * (1 if wanted.portable else 2)


def refuse_without_room_for(rows, claimed, folder):
    """Raise CommandError where files cannot fit."""
    count, claimed_bytes = claimed
    needed = count * EACH_FILE + claimed_bytes
    if needed > shutil.disk_usage(folder).free:
        # Rows may claim what is not there.
        needed = count * EACH_FILE + bytes_there(rows)
        refuse_without_room(folder, needed)


def refuse_without_room(folder, needed):
    """Raise CommandError where a folder's volume has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        sentence = _(
            "A backup takes about %(needed)s, and %(folder)s has %(free)s left. Put it "
            "elsewhere with: %(fix)s"
        )
        values = {"needed": size(needed), "free": size(free), "folder": folder}
        raise CommandError(sentence % (values | {"fix": elsewhere()}))


def failed(error, folder):
    """Return the sentence for a backup that a disk kept from being made."""
    values = {"folder": folder, "why": error.strerror or error, "fix": elsewhere()}
    if error.errno in NO_ROOM:
        return _("%(folder)s is full: no backup was made. Put it elsewhere with: %(fix)s") % values
    if error.filename and Path(settings.LOCAL_STORAGE_PATH) in Path(error.filename).parents:
        sentence = _("The stored file %(file)s cannot be read (%(why)s): no backup was made.")
        return sentence % (values | {"file": error.filename})
    if isinstance(error, StoreError):
        sentence = _("The object store does not give the files (%(why)s): no backup was made.")
        return sentence % values
    sentence = _(
        "Camp cannot write to %(folder)s (%(why)s). Put the backup elsewhere with: %(fix)s"
    )
    return sentence % values


def elsewhere():
    """Return the command that puts a backup into another folder."""
    return shell.manage("backup", "--output", _("FOLDER"))


def shown(stream, label, total, unit="bytes"):
    """Return a Progress on `stream`, or a silent one."""
    return Progress(stream, total, label, unit) if stream else Silent()
