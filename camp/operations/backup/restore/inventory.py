"""The files of an archive and the rows of the fresh database: whether they belong together."""

import collections
import contextlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from django.utils.translation import gettext as _

from camp.operations.backup.archive import Damaged
from camp.storage.object_store import object_store
from files.models import STORED_MODELS

# What an archive says of files that were not there, or not what their rows say.
REMARKS = {"vanished.jsonl": "vanished", "differing.jsonl": "differing"}
TABLES = """
    CREATE TABLE IF NOT EXISTS member (path TEXT PRIMARY KEY, size INTEGER, sha256 TEXT)
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS vanished (id TEXT PRIMARY KEY, path TEXT, gone INTEGER)
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS differing (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
BATCH = 500
# Of so many rows of each kind it is seen whether their bytes are there.
LOOKED_AT = 1000
# Objects that a store is asked for beside each other.
AT_ONCE = 8


class Inventory:
    """The files of an archive by their storage path, in a file: there may be millions.

    A context manager, which may be entered more than once.
    """

    def __init__(self, path):
        self._path = path
        self._expected = collections.deque()
        self._waiting = []

    def __enter__(self):
        # The archive's checksums come from another thread.
        self._lists = sqlite3.connect(self._path, check_same_thread=False)
        self._lists.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {TABLES}")
        return self

    def __exit__(self, *error):
        self._flush()
        self._lists.commit()
        self._lists.close()

    def expect(self, path, size):
        """Take a file of the archive, before it is read."""
        self._expected.append((path, size))

    def note(self, name, sha256):
        """Take the checksum of a member, in the order of the archive; called by its reader."""
        if name.startswith("files/"):
            self._waiting.append((*self._expected.popleft(), sha256))
            if len(self._waiting) >= BATCH:
                self._flush()

    def _flush(self):
        self._lists.executemany("INSERT OR REPLACE INTO member VALUES (?, ?, ?)", self._waiting)
        self._waiting.clear()

    def read_remarks(self, folder):
        """Take what the archive says of files; raises Damaged."""
        try:
            for told in _lines(folder / "vanished.jsonl"):
                row = _name(told), told["storage_path"], bool(told["row_gone"])
                self._lists.execute("INSERT OR REPLACE INTO vanished VALUES (?, ?, ?)", row)
            for told in _lines(folder / "differing.jsonl"):
                row = (_name(told),)
                self._lists.execute("INSERT OR REPLACE INTO differing VALUES (?)", row)
        except (FileNotFoundError, ValueError, KeyError, TypeError, sqlite3.Error):
            raise Damaged(_("What the archive says of its files cannot be read.")) from None

    def check(self, count, result):
        """Hold every row against the files; rows that were purged meanwhile are deleted.

        `count` is how many files the manifest tells of. Raises Damaged.
        """
        [(result.files,)] = self._lists.execute("SELECT count(*) FROM member")
        [(missing,)] = self._lists.execute(
            "SELECT count(DISTINCT path) FROM vanished "
            "WHERE NOT EXISTS (SELECT 1 FROM member WHERE member.path = vanished.path)"
        )
        if result.files + missing != count:
            sentence = _(
                "The archive is damaged: its manifest tells of %(told)s files, and %(found)s "
                "are there."
            )
            raise Damaged(sentence % {"told": count, "found": result.files + missing})
        if result.is_old:
            return
        rows = rows_with_bytes()
        while batch := list(islice(rows, BATCH)):
            self._check_batch(batch, result)
        self._delete_gone(result)

    def _check_batch(self, batch, result):
        members = self._found("SELECT * FROM member WHERE path IN", [row[1] for row in batch])
        names = [row[0] for row in batch]
        vanished = self._found("SELECT id, gone FROM vanished WHERE id IN", names)
        differing = self._found("SELECT id FROM differing WHERE id IN", names)
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
                sentence = _("The archive's file %(path)s is not the one that its row tells of.")
                raise Damaged(sentence % {"path": path})

    def _found(self, query, values):
        marks = ", ".join("?" * len(values))
        rows = self._lists.execute(f"{query} ({marks})", values)
        return {key: rest for key, *rest in rows}

    def _delete_gone(self, result):
        gone = (name for (name,) in self._lists.execute("SELECT id FROM vanished WHERE gone"))
        while names := list(islice(gone, BATCH)):
            result.rows -= delete_rows(names)


def count_missing(root, result):
    """Count the newest rows whose bytes are not in the storage folder `root`, or in the store."""
    if store := object_store():
        with ThreadPoolExecutor(AT_ONCE) as pool:
            paths = newest_paths(result)
            while batch := list(islice(paths, BATCH)):
                result.without_bytes += list(pool.map(store.exists, batch)).count(False)
        return
    for path in newest_paths(result):
        with contextlib.suppress(ValueError):
            result.without_bytes += not (root / path).is_file()


def _lines(path):
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def models():
    """Return {table: model} of the rows that name bytes, the files' first."""
    return {model._meta.db_table: model for model in STORED_MODELS}


def newest_paths(result):
    """Yield the storage paths of the newest rows that name bytes; notes where there are more.

    To look for each of a million files would take longer than the restore.
    """
    for model in models().values():
        rows = model._base_manager.exclude(storage_path="").order_by("-pk")
        paths = list(rows.values_list("storage_path", flat=True)[: LOOKED_AT + 1])
        result.is_sample |= len(paths) > LOOKED_AT
        yield from paths[:LOOKED_AT]


def _name(told):
    """Return the name of the row that a remark is about; older archives tell of files only."""
    known = models()
    table = told.get("table", next(iter(known)))
    return f"{known[table]._meta.db_table}/{told['id']}"


def rows_with_bytes():
    """Yield (name, storage path, size, SHA-256) of every row that names bytes."""
    for table, model in models().items():
        rows = model._base_manager.exclude(storage_path="").order_by("pk")
        values = rows.values_list("pk", "storage_path", "size", "sha256")
        for key, *rest in values.iterator(chunk_size=2000):
            yield f"{table}/{key}", *rest


def delete_rows(names):
    """Delete rows by their names, and no bytes of the storage; returns how many."""
    keys = {table: [] for table in models()}
    for name in names:
        table, _slash, key = name.rpartition("/")
        keys[table].append(key)
    return sum(_delete(model, keys[table]) for table, model in models().items() if keys[table])


def _delete(model, keys):
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
