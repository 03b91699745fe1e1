"""The files of a backup: the bytes that the rows of a snapshot name."""

import functools
import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from camp.operations.backup.archive import is_safe
from camp.storage.object_store import object_store
from files.models import STORED_MODELS

# Remarks on files are kept in memory up to so many bytes.
IN_MEMORY = 2**20
# Rows that are looked for at once.
BATCH = 500
# So many storage paths are named to a person.
NAMED = 10


class Row(NamedTuple):
    """What a row of the snapshot says of its bytes."""

    table: str
    id: object
    storage_path: str
    size: int | None
    sha256: str
    # Whether no earlier row has the same storage path.
    first: bool


class StoredFiles:
    """The rows of files.models.STORED_MODELS in a snapshot, whatever columns they have."""

    def __init__(self, snapshot):
        self._connection = snapshot
        tables = [Table(snapshot, model._meta.db_table) for model in STORED_MODELS]
        self._tables = [table for table in tables if table.known]

    def _from(self):
        """Return the rows of all tables as a part of a query, numbered by their table."""
        selects = (table.select(number) for number, table in enumerate(self._tables))
        return f"FROM ({' UNION ALL '.join(selects)}) AS stored"

    def total(self):
        """Return (how many different storage paths, how many bytes they are said to have)."""
        if not self._tables:
            return 0, 0
        paths = f"SELECT MAX(bytes) AS bytes {self._from()} GROUP BY path"
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM ({paths}) AS paths")  # noqa: S608
            count, claimed = cursor.fetchone()
        return count, int(claimed)

    def __iter__(self):
        """Yield a Row for each row, table by table in the order of their ids."""
        if not self._tables:
            return
        first = "ROW_NUMBER() OVER (PARTITION BY path ORDER BY number, id) = 1"
        with self._connection.chunked_cursor() as cursor:
            cursor.execute(
                f"SELECT number, id, path, bytes, sha256, {first} {self._from()} "
                "ORDER BY number, id"
            )
            while rows := cursor.fetchmany(1000):
                for number, *row in rows:
                    yield Row(self._tables[number].name, *row)


class Table:
    """A table of a snapshot with rows that name bytes.

    A database that was not taken over yet lacks some columns, an older one some tables.
    """

    def __init__(self, snapshot, name):
        self._connection = snapshot
        self.name = name
        self._columns = self._found_columns()

    def _found_columns(self):
        """Return {name: what Django knows of the column}."""
        introspection = self._connection.introspection
        with self._connection.cursor() as cursor:
            if self.name not in introspection.table_names(cursor):
                return {}
            found = introspection.get_table_description(cursor, self.name)
        return {column.name: column for column in found}

    def _kind(self, name):
        """Return the kind of field that Django takes a column for, or ""."""
        try:
            column = self._columns[name]
            return str(self._connection.introspection.get_field_type(column.type_code, column))
        except KeyError:
            return ""

    @property
    def known(self):
        """Whether there are rows that name bytes."""
        return {"id", "storage_path"} <= self._columns.keys()

    def select(self, number):
        """Return the query for its rows, each with a number for the table."""
        # Some keep the size as text.
        size = '"size"' if "Integer" in self._kind("size") else "CAST(NULL AS bigint)"
        sha256 = '"sha256"' if "sha256" in self._columns else "''"
        return (
            f'SELECT {number} AS number, "id" AS id, "storage_path" AS path, {size} AS bytes, '  # noqa: S608
            f"{sha256} AS sha256 FROM {self._connection.ops.quote_name(self.name)} "
            "WHERE \"storage_path\" <> ''"
        )


class Packed:
    """The files on their way into an archive, and what was found of them meanwhile."""

    def __init__(self, writer, progress):
        self._writer = writer
        self._progress = progress
        self._root, self._store = settings.LOCAL_STORAGE_PATH, object_store()
        self._missing = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self._differing = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8")  # noqa: SIM115
        self.count = 0
        # Not there, other bytes than the row says, leading out of the storage.
        self.remarks = {"lost": Found(), "differing": Found(), "outside": Found()}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._missing.close()
        self._differing.close()

    def add(self, rows):
        """Pack the bytes of all rows, and then what there is to say of them."""
        for row in rows:
            self._add(row)
        self._writer.settle()
        self._write_vanished()
        self._differing.seek(0)
        with self._writer.member("differing.jsonl") as stream:
            while text := self._differing.read(IN_MEMORY):
                stream.write(text.encode())

    def _add(self, row):
        if not is_safe(row.storage_path):
            self.remarks["outside"].note(row.storage_path)
            self._note_missing(row)
            return
        try:
            if row.first:
                self._pack(row.storage_path, functools.partial(self._compare, row))
                self.count += 1
            elif not self._is_there(row.storage_path):
                raise FileNotFoundError
        except FileNotFoundError:
            self._note_missing(row)
            self._progress.add(row.size or 0)

    def _pack(self, path, on_hash):
        name = f"files/{path}"
        if self._store is None:
            source = os.path.join(self._root, path)
            self._writer.add_file(name, source, on_hash, self._progress)
            return
        with self._store.open(path) as stored:
            self._writer.add_sized(name, stored.file, stored.size, on_hash, self._progress)

    def _is_there(self, path):
        if self._store is None:
            return os.path.isfile(os.path.join(self._root, path))
        return self._store.exists(path)

    def _note_missing(self, row):
        told = [row.table, row.id, row.storage_path]
        self._missing.write(json.dumps(told, default=str) + "\n")

    def _compare(self, row, size, digest):
        """Note where the bytes are not those of the row; they are packed all the same."""
        if row.size in (None, size) and row.sha256 in ("", None, digest):
            return
        self.remarks["differing"].note(row.storage_path)
        self._differing.write(
            line(
                table=row.table,
                id=row.id,
                storage_path=row.storage_path,
                size=size,
                sha256=digest,
            )
        )

    def _write_vanished(self):
        """Add what was not there: purged meanwhile, or missing before."""
        self._missing.seek(0)
        with self._writer.member("vanished.jsonl") as stream:
            for batch in batches(map(json.loads, self._missing)):
                there = existing(batch)
                for table, key, path in batch:
                    gone = (table, str(key)) not in there
                    if not gone and is_safe(path):
                        self.remarks["lost"].note(path)
                    told = line(table=table, id=key, storage_path=path, row_gone=gone)
                    stream.write(told.encode())


class Found:
    """Storage paths of which something is to be said: how many, and the first few."""

    def __init__(self):
        self.count = 0
        self.named = []

    def note(self, path):
        """Count a storage path."""
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(path)


def existing(rows):
    """Return which of some (table, id, path) are in the live database, as {(table, id)}."""
    found = set()
    with connection.cursor() as cursor:
        for table in {table for table, *_rest in rows}:
            keys = [key for name, key, _path in rows if name == table]
            marks = ", ".join(["%s"] * len(keys))
            name = connection.ops.quote_name(table)
            cursor.execute(f'SELECT "id" FROM {name} WHERE "id" IN ({marks})', keys)  # noqa: S608
            found |= {(table, str(key)) for (key,) in cursor.fetchall()}
    return found


def batches(items):
    """Yield lists of up to BATCH items."""
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def line(**values):
    """Return a line of JSON."""
    return json.dumps(values, ensure_ascii=False, default=str) + "\n"


def bytes_there(rows):
    """Return how many bytes the rows' files really have."""
    root, store, total = Path(settings.LOCAL_STORAGE_PATH), object_store(), 0
    for row in rows:
        if row.first and is_safe(row.storage_path):
            path = row.storage_path
            try:
                total += store.size(path) if store else (root / path).stat().st_size
            except (OSError, ValueError):
                continue
    return total
