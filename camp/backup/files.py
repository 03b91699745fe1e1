"""The files of a backup: the bytes that the rows of a snapshot name."""

import functools
import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import connection

from camp.archive import is_safe

# Remarks on files are kept in memory up to so many bytes.
IN_MEMORY = 2**20
# Rows that are looked for at once.
BATCH = 500
# So many storage paths are named to a person.
NAMED = 10


class Row(NamedTuple):
    """What a row of the snapshot says of its bytes."""

    id: object
    storage_path: str
    size: int | None
    sha256: str
    # Whether no earlier row has the same storage path.
    first: bool


class StoredFiles:
    """The rows of settings.STORED_FILE_MODEL in a snapshot, whatever columns it has.

    A database that was not taken over yet lacks some.
    """

    def __init__(self, snapshot):
        self._connection = snapshot
        self.model = apps.get_model(settings.STORED_FILE_MODEL)
        self._quote = snapshot.ops.quote_name
        self._table = self.model._meta.db_table
        self._columns = self._found_columns()
        # Some keep it as text.
        self._has_size = "Integer" in self._kind("size")

    def _found_columns(self):
        """Return {name: what Django knows of the column}."""
        introspection = self._connection.introspection
        with self._connection.cursor() as cursor:
            if self._table not in introspection.table_names(cursor):
                return {}
            found = introspection.get_table_description(cursor, self._table)
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

    def _from(self):
        return f"FROM {self._quote(self._table)} WHERE \"storage_path\" <> ''"

    def total(self):
        """Return (how many different storage paths, how many bytes they are said to have)."""
        if not self.known:
            return 0, 0
        size = 'MAX("size")' if self._has_size else "0"
        paths = f'SELECT {size} AS bytes {self._from()} GROUP BY "storage_path"'
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM ({paths}) AS paths")  # noqa: S608
            count, claimed = cursor.fetchone()
        return count, int(claimed)

    def __iter__(self):
        """Yield a Row for each row, in the order of their ids."""
        if not self.known:
            return
        size = '"size"' if self._has_size else "NULL"
        sha256 = '"sha256"' if "sha256" in self._columns else "''"
        first = 'ROW_NUMBER() OVER (PARTITION BY "storage_path" ORDER BY "id") = 1'
        with self._connection.chunked_cursor() as cursor:
            cursor.execute(
                f'SELECT "id", "storage_path", {size}, {sha256}, {first} {self._from()} '
                'ORDER BY "id"'
            )
            while rows := cursor.fetchmany(1000):
                for row in rows:
                    yield Row(*row)


class Packed:
    """The files on their way into an archive, and what was found of them meanwhile."""

    def __init__(self, writer, progress):
        self._writer = writer
        self._progress = progress
        self._root = settings.LOCAL_STORAGE_PATH
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
        self._write_vanished(rows.model)
        self._differing.seek(0)
        with self._writer.member("differing.jsonl") as stream:
            while text := self._differing.read(IN_MEMORY):
                stream.write(text.encode())

    def _add(self, row):
        if not is_safe(row.storage_path):
            self.remarks["outside"].note(row.storage_path)
            self._note_missing(row)
            return
        source = os.path.join(self._root, row.storage_path)
        try:
            if row.first:
                on_hash = functools.partial(self._compare, row)
                name = f"files/{row.storage_path}"
                self._writer.add_file(name, source, on_hash, self._progress)
                self.count += 1
            elif not os.path.isfile(source):
                raise FileNotFoundError
        except FileNotFoundError:
            self._note_missing(row)
            self._progress.add(row.size or 0)

    def _note_missing(self, row):
        self._missing.write(json.dumps([row.id, row.storage_path], default=str) + "\n")

    def _compare(self, row, size, digest):
        """Note where the bytes are not those of the row; they are packed all the same."""
        if row.size in (None, size) and row.sha256 in ("", None, digest):
            return
        self.remarks["differing"].note(row.storage_path)
        self._differing.write(
            line(id=row.id, storage_path=row.storage_path, size=size, sha256=digest)
        )

    def _write_vanished(self, model):
        """Add what was not there: purged meanwhile, or missing before."""
        self._missing.seek(0)
        with self._writer.member("vanished.jsonl") as stream:
            for batch in batches(map(json.loads, self._missing)):
                there = existing(model, [key for key, _path in batch])
                for key, path in batch:
                    gone = str(key) not in there
                    if not gone and is_safe(path):
                        self.remarks["lost"].note(path)
                    stream.write(line(id=key, storage_path=path, row_gone=gone).encode())


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


def existing(model, keys):
    """Return which keys have a row in the live database, as a set of texts."""
    quote = connection.ops.quote_name
    marks = ", ".join(["%s"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "id" FROM {quote(model._meta.db_table)} WHERE "id" IN ({marks})',  # noqa: S608
            keys,
        )
        return {str(key) for (key,) in cursor.fetchall()}


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
    root, total = Path(settings.LOCAL_STORAGE_PATH), 0
    for row in rows:
        if row.first and is_safe(row.storage_path):
            try:
                total += (root / row.storage_path).stat().st_size
            except (OSError, ValueError):
                continue
    return total
