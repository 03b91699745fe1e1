"""The files of an archive: hold them against the rows, and add them to the storage.

Bytes in the storage are never overwritten, since rows of the present database name them. A file
whose path has other bytes, or none that can be read, goes to a new path, and its rows in the
new database follow.
"""

import collections
import contextlib
import hashlib
import itertools
import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from camp.fs.atomic import sync_folder
from camp.fs.ownership import chown_to_folder_owner, make_folder
from camp.operations.backup.archive import Damaged
from camp.operations.backup.restore.prepare import Result
from camp.storage.object_store import object_store
from files.models import File, Upload, Version
from files.storage import backend, staging

if TYPE_CHECKING:
    from camp.storage.s3 import ObjectStore

# What an archive says of files that were not there, or not what their rows say.
REMARKS = {"vanished.jsonl": "vanished", "differing.jsonl": "differing"}
TABLES = """
    CREATE TABLE IF NOT EXISTS member
        (path TEXT PRIMARY KEY, size INTEGER, sha256 TEXT, unpacked TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS vanished (id TEXT PRIMARY KEY, path TEXT, gone INTEGER)
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS differing (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS added (path TEXT);
"""
BATCH = 500
# So many of the newest rows are looked at to see whether their bytes are there.
SAMPLE = 1000
THREADS = 8
MODELS: dict[str, Any] = {model._meta.db_table: model for model in (File, Version)}

Row = TypeVar("Row")


class ArchivedFiles:
    """The files of an archive, unpacked into a work folder and listed in a file of SQLite.

    There may be millions. A context manager, which may be entered more than once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unpacked = folder / "files"
        self._unpacked.mkdir(mode=0o700)
        self._count = 0
        # (storage path, size, where it is unpacked) and (storage path, size, SHA-256, where)
        self._expected: collections.deque[tuple[str, int, Path]] = collections.deque()
        self._waiting: list[tuple[str, int, str, str]] = []

    def __enter__(self) -> Self:
        # The archive's checksums come from another thread.
        path = self._folder / "inventory"
        self._lists = sqlite3.connect(path, check_same_thread=False)
        self._lists.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {TABLES}")
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        self._lists.commit()
        self._lists.close()

    def expect(self, path: str, size: int) -> Path:
        """Return where to unpack the file with a storage path, which is read next."""
        self._count += 1
        target = self._unpacked / str(self._count)
        self._expected.append((path, size, target))
        return target

    def note(self, name: str, sha256: str) -> None:
        """Take the checksum of a member, in the order of the archive; called by its reader."""
        if name.startswith("files/"):
            path, size, target = self._expected.popleft()
            self._waiting.append((path, size, sha256, str(target)))
            if len(self._waiting) >= BATCH:
                self._flush()

    def _flush(self) -> None:
        self._lists.executemany("INSERT OR REPLACE INTO member VALUES (?, ?, ?, ?)", self._waiting)
        self._waiting.clear()

    def read_remarks(self) -> None:
        """Read what the archive says of files; raises Damaged."""
        try:
            for remark in _read_lines(self._folder / "vanished.jsonl"):
                row = _row_name(remark), remark["storage_path"], bool(remark["row_gone"])
                self._lists.execute("INSERT OR REPLACE INTO vanished VALUES (?, ?, ?)", row)
            for remark in _read_lines(self._folder / "differing.jsonl"):
                name = _row_name(remark)
                self._lists.execute("INSERT OR REPLACE INTO differing VALUES (?)", [name])
        except (FileNotFoundError, ValueError, KeyError, TypeError, sqlite3.Error):
            raise Damaged(_("The archive's notes on its files cannot be read.")) from None

    def check(self, count: int, result: Result) -> None:
        """Hold every row against the files; rows that were purged meanwhile are deleted.

        `count` is the number of files in the manifest. Raises Damaged.
        """
        [(result.files,)] = self._lists.execute("SELECT count(*) FROM member")
        [(missing,)] = self._lists.execute(
            "SELECT count(DISTINCT path) FROM vanished "
            "WHERE NOT EXISTS (SELECT 1 FROM member WHERE member.path = vanished.path)"
        )
        if result.files + missing != count:
            sentence = _(
                "The archive is damaged: its manifest lists %(told)s files, and it contains "
                "%(found)s."
            )
            raise Damaged(sentence % {"told": count, "found": result.files + missing})
        if result.is_old:
            return
        for batch in _batches(_rows_with_bytes()):
            self._check_batch(batch, result)
        gone = (name for (name,) in self._lists.execute("SELECT id FROM vanished WHERE gone"))
        for names in _batches(gone):
            result.rows -= _delete_rows(names)

    def _check_batch(self, batch: list[tuple[Any, ...]], result: Result) -> None:
        members = self._find("SELECT * FROM member WHERE path IN", [row[1] for row in batch])
        names = [row[0] for row in batch]
        vanished = self._find("SELECT id, gone FROM vanished WHERE id IN", names)
        differing = self._find("SELECT id FROM differing WHERE id IN", names)
        for name, path, size, sha256 in batch:
            if path not in members:
                if name not in vanished:
                    raise Damaged(_("The archive lacks the file %(path)s.") % {"path": path})
                [gone] = vanished[name]
                result.without_bytes += not gone
                continue
            real = members[path]
            same = size in (None, real[0]) and sha256 in ("", None, real[1])
            if not same and name not in differing:
                sentence = _("The archive's file %(path)s does not match its row.")
                raise Damaged(sentence % {"path": path})

    def _find(self, query: str, values: list[str]) -> dict[str, list[Any]]:
        marks = ", ".join("?" * len(values))
        rows = self._lists.execute(f"{query} ({marks})", values)
        return {key: rest for key, *rest in rows}

    def add_to_storage(self, undo: contextlib.ExitStack) -> None:
        """Add what the storage lacks, while Django is connected to the new database.

        On return the bytes are on the disk, or in the object store. `undo` is an ExitStack,
        which removes them again. Raises OSError, DatabaseError.
        """
        store = object_store()
        storage = ObjectStorage(store) if store else FolderStorage()
        undo.callback(self._remove_added, storage)
        tables = set(connection.introspection.table_names())
        models = [each for each in (File, Version, Upload) if each._meta.db_table in tables]
        members = self._lists.execute("SELECT * FROM member ORDER BY path")
        with ThreadPoolExecutor(THREADS) as pool:
            for batch in _batches(members):
                states = pool.map(lambda member: self._compare(storage, *member), batch)
                moves = [
                    (path, path if state is None else backend.new_path(), sha256, unpacked)
                    for (path, _, sha256, unpacked), state in zip(batch, states, strict=True)
                    if not state
                ]
                added = [(new,) for _path, new, *_rest in moves]
                self._lists.executemany("INSERT INTO added VALUES (?)", added)
                list(pool.map(lambda move: storage.add(*move[1:]), moves))
                for path, new, *_rest in moves:
                    for model in models if new != path else ():
                        model._base_manager.filter(storage_path=path).update(storage_path=new)
        storage.sync()

    @staticmethod
    def _compare(
        storage: "FolderStorage | ObjectStorage", path: str, size: int, sha256: str, unpacked: str
    ) -> bool | None:
        state = storage.has(path, size, sha256)
        if state:
            os.unlink(unpacked)  # before it is written to the disk
        return state

    def _remove_added(self, storage: "FolderStorage | ObjectStorage") -> None:
        with self:
            for (path,) in self._lists.execute("SELECT path FROM added"):
                with contextlib.suppress(OSError):  # the sweep finds it
                    storage.remove(path)


class FolderStorage:
    """Stored files in a folder."""

    def __init__(self) -> None:
        self._root = Path(settings.LOCAL_STORAGE_PATH).resolve()
        self._changed: set[Path] = set()  # folders

    def has(self, path: str, size: int, sha256: str) -> bool | None:
        """Return whether these bytes are at a path; None where nothing at all is there."""
        try:
            with (self._root / path).open("rb") as stream:
                if os.fstat(stream.fileno()).st_size != size:
                    return False
                return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False if os.path.lexists(self._root / path) else None
        except OSError:  # a folder, below a file, or what the disk cannot read
            return False

    def add(self, path: str, sha256: str, source: str) -> None:
        """Move an unpacked file to a path at which nothing is; raises OSError."""
        if sys.platform != "linux":
            staging.sync_file(Path(source))
        target = self._root / path
        self._make_folder(target.parent)
        os.utime(source)  # the sweep, on another machine, goes by the time
        os.rename(source, target)
        chown_to_folder_owner(target)

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._changed:
            if folder != self._root:
                self._make_folder(folder.parent)
                make_folder(folder, 0o700)
            self._changed.add(folder)

    def sync(self) -> None:
        """Return once all that was added is on the disk."""
        if sys.platform == "linux":
            os.sync()  # always: a killed restore may have added some of them
            return
        for folder in self._changed:
            sync_folder(folder)

    def remove(self, path: str) -> None:
        """Remove a file, and the folders that are empty then."""
        target = self._root / path
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder == self._root:
                break
            folder.rmdir()  # raises OSError where something else is in it


class ObjectStorage:
    """Stored files in an object store."""

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def has(self, path: str, size: int, sha256: str) -> bool | None:
        """Return whether these bytes are at a path; None where nothing at all is there."""
        try:
            found = self._store.head(path)
        except FileNotFoundError:
            return None
        if found["ContentLength"] != size:
            return False
        known = found.get("Metadata", {}).get("sha256")
        if not known:  # another program brought it
            with self._store.open(path) as stream:
                known = hashlib.file_digest(stream.file, "sha256").hexdigest()
        return known == sha256

    def add(self, path: str, sha256: str, source: str) -> None:
        """Upload an unpacked file to a path at which nothing is; raises OSError."""
        self._store.put(path, source, sha256=sha256)

    def sync(self) -> None:
        """Do nothing: the store has what it took."""

    def remove(self, path: str) -> None:
        """Remove an object."""
        self._store.delete(path)


def count_missing(result: Result) -> None:
    """Count those of the newest rows whose bytes are not in the storage."""
    paths = _newest_paths(result)
    for batch in _batches(paths):
        result.without_bytes += backend.exist(batch).count(False)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while batch := list(itertools.islice(rows, BATCH)):
        yield batch


def _read_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _newest_paths(result: Result) -> Iterator[str]:
    """Yield the storage paths of the newest rows that name bytes; notes where there are more.

    To look for each of a million files would take longer than the restore.
    """
    for model in MODELS.values():
        rows = model._base_manager.exclude(storage_path="").order_by("-pk")
        paths = list(rows.values_list("storage_path", flat=True)[: SAMPLE + 1])
        result.is_sample |= len(paths) > SAMPLE
        yield from paths[:SAMPLE]


def _row_name(remark: Any) -> str:
    """Return the name of the row that a remark is about; older archives tell of files only."""
    table = remark.get("table", File._meta.db_table)
    return f"{MODELS[table]._meta.db_table}/{remark['id']}"


def _rows_with_bytes() -> Iterator[tuple[Any, ...]]:
    """Yield (name, storage path, size, SHA-256) of every row that names bytes."""
    for table, model in MODELS.items():
        rows = model._base_manager.exclude(storage_path="").order_by("pk")
        values = rows.values_list("pk", "storage_path", "size", "sha256")
        for key, *rest in values.iterator(chunk_size=2000):
            yield f"{table}/{key}", *rest


def _delete_rows(names: list[str]) -> int:
    """Delete rows by their names, and no bytes of the storage; returns how many."""
    keys: dict[str, list[str]] = {table: [] for table in MODELS}
    for name in names:
        table, _slash, key = name.rpartition("/")
        keys[table].append(key)
    return sum(_delete(model, keys[table]) for table, model in MODELS.items() if keys[table])


def _delete(model: Any, keys: list[str]) -> int:
    fields = model._meta.get_fields(include_hidden=True)
    for relation in fields:
        if not (relation.one_to_many or relation.one_to_one) or relation.concrete:
            continue
        others = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": keys})
        if relation.field.null:
            others.update(**{relation.field.name: None})
        else:
            others._raw_delete(others.db)
    # Not delete(): its signal would have the bytes of the present storage removed.
    rows = model._base_manager.filter(pk__in=keys)
    return rows._raw_delete(rows.db)
