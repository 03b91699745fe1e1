"""The stored files of a backup: the bytes that the rows of a snapshot name."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import connection

from camp.fs.filenames import is_safe_path
from camp.operations.backup.archive import Writer
from camp.operations.console import Progress
from camp.storage.object_store import object_store
from files.models import File, Version

TABLES = [model._meta.db_table for model in (File, Version)]
VANISHED, DIFFERING = "vanished.jsonl", "differing.jsonl"
REMARKS_IN_MEMORY = 2**20  # bytes
BATCH = 500  # rows per query
SHOWN = 10  # storage paths listed for the user


class Row(NamedTuple):
    """A row of the snapshot that names bytes; `first` is False if an earlier row names them too."""

    table: str
    id: object
    storage_path: str
    size: int | None
    sha256: str
    first: bool


class StoredFiles:
    """The rows of a snapshot that name bytes; iterates over a Row each, by table and id."""

    def __init__(self, snapshot: Any) -> None:
        self._connection = snapshot
        selects = [self._select(number, table) for number, table in enumerate(TABLES)]
        self._rows = " UNION ALL ".join(filter(None, selects))

    def _select(self, number: int, table: str) -> str:
        """Return the query for one table.

        A database that was not taken over yet lacks columns, an older one lacks tables.
        """
        introspection = self._connection.introspection
        with self._connection.cursor() as cursor:
            if table not in introspection.table_names(cursor):
                return ""
            found = introspection.get_table_description(cursor, table)
        columns = {column.name: column for column in found}
        if not {"id", "storage_path"} <= columns.keys():
            return ""
        size, sha256 = "CAST(NULL AS bigint)", "''"
        if "sha256" in columns:
            sha256 = '"sha256"'
        if "size" in columns and "Integer" in self._field_type(columns["size"]):
            size = '"size"'  # old backends may keep it as text
        return (
            f'SELECT {number} AS number, "id" AS id, "storage_path" AS path, {size} AS bytes, '  # noqa: S608
            f"{sha256} AS sha256 FROM {self._connection.ops.quote_name(table)} "
            "WHERE \"storage_path\" <> ''"
        )

    def _field_type(self, column: Any) -> str:
        try:
            return str(self._connection.introspection.get_field_type(column.type_code, column))
        except KeyError:
            return ""

    def total(self) -> tuple[int, int]:
        """Return (number of different storage paths, their bytes according to the rows)."""
        if not self._rows:
            return 0, 0
        paths = f"SELECT MAX(bytes) AS bytes FROM ({self._rows}) AS stored GROUP BY path"  # noqa: S608
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM ({paths}) AS paths")  # noqa: S608
            count, size = cursor.fetchone()
        return count, int(size)

    def __iter__(self) -> Iterator[Row]:
        if not self._rows:
            return
        first = "ROW_NUMBER() OVER (PARTITION BY path ORDER BY number, id) = 1"
        columns = f"number, id, path, bytes, sha256, {first}"
        with self._connection.chunked_cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM ({self._rows}) AS stored ORDER BY number, id")  # noqa: S608
            while rows := cursor.fetchmany(1000):
                for number, *row in rows:
                    yield Row(TABLES[number], *row)

    def bytes_there(self) -> int:
        """Return how many bytes the files really have."""
        root, store, total = Path(settings.LOCAL_STORAGE_PATH), object_store(), 0
        for row in self:
            if row.first and is_safe_path(row.storage_path):
                path = row.storage_path
                try:
                    total += store.size(path) if store else (root / path).stat().st_size
                except (OSError, ValueError):
                    continue
        return total


class PathList:
    """Storage paths with the same problem: how many, and the first few."""

    def __init__(self) -> None:
        self.count = 0
        self.shown: list[str] = []

    def add(self, path: str) -> None:
        """Count a storage path."""
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(path)


class FilePacker:
    """Packs stored files into an archive; a context manager.

    `count` is the number of files packed. `problems` are PathLists: `lost` are not in the
    storage, `differing` have other bytes than their row says, `outside` lead out of the storage.
    """

    def __init__(self, writer: Writer, progress: Progress) -> None:
        self._writer = writer
        self._progress = progress
        self._root, self._store = settings.LOCAL_STORAGE_PATH, object_store()
        self._missing, self._differing = _open_remarks(), _open_remarks()
        self.count = 0
        self.problems = {"lost": PathList(), "differing": PathList(), "outside": PathList()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        self._missing.close()
        self._differing.close()

    def pack(self, rows: Iterable[Row]) -> None:
        """Pack the bytes of all rows, then the remarks that a restore needs."""
        for row in rows:
            if not is_safe_path(row.storage_path):
                self.problems["outside"].add(row.storage_path)
                self._note_missing(row)
                continue
            try:
                self._pack_row(row)
            except FileNotFoundError:
                self._note_missing(row)
                self._progress.add(row.size or 0)
        self._write_vanished()
        self._differing.seek(0)
        with self._writer.member(DIFFERING) as member:
            while text := self._differing.read(REMARKS_IN_MEMORY):
                member.write(text.encode())

    def _pack_row(self, row: Row) -> None:
        """Pack the bytes of a row, if no earlier row has them; raises FileNotFoundError."""
        path = row.storage_path
        if not row.first:
            if not self._exists(path):
                raise FileNotFoundError
            return
        name = f"files/{path}"
        if self._store is None:
            source = os.path.join(self._root, path)
            size, sha256 = self._writer.add_file(name, source, self._progress)
        else:
            with self._store.open(path) as stored:
                size, sha256 = self._writer.add_stream(
                    name, stored.file, stored.size, self._progress
                )
        self.count += 1
        if row.size not in (None, size) or row.sha256 not in ("", None, sha256):
            self.problems["differing"].add(path)
            remark = {"table": row.table, "id": row.id, "storage_path": path}
            self._differing.write(json_line(remark | {"size": size, "sha256": sha256}))

    def _exists(self, path: str) -> bool:
        if self._store is None:
            return os.path.isfile(os.path.join(self._root, path))
        return self._store.exists(path)

    def _note_missing(self, row: Row) -> None:
        remark = {"table": row.table, "id": row.id, "storage_path": row.storage_path}
        self._missing.write(json_line(remark))

    def _write_vanished(self) -> None:
        """Add the remarks on missing bytes: purged since the snapshot, or lost before."""
        self._missing.seek(0)
        remarks = map(json.loads, self._missing)
        with self._writer.member(VANISHED) as member:
            while batch := list(islice(remarks, BATCH)):
                existing = existing_rows(batch)
                for remark in batch:
                    gone = (remark["table"], str(remark["id"])) not in existing
                    if not gone and is_safe_path(remark["storage_path"]):
                        self.problems["lost"].add(remark["storage_path"])
                    member.write(json_line(remark | {"row_gone": gone}).encode())


def _open_remarks() -> tempfile.SpooledTemporaryFile[str]:
    """Return a temporary text file for JSON lines; there may be millions."""
    return tempfile.SpooledTemporaryFile(REMARKS_IN_MEMORY, "w+", encoding="utf-8")


def existing_rows(remarks: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return {(table, id as text)} of the remarks' rows that the live database still has."""
    found: set[tuple[str, str]] = set()
    with connection.cursor() as cursor:
        for table in {remark["table"] for remark in remarks}:
            keys = [remark["id"] for remark in remarks if remark["table"] == table]
            placeholders = ", ".join(["%s"] * len(keys))
            name = connection.ops.quote_name(table)
            cursor.execute(f'SELECT "id" FROM {name} WHERE "id" IN ({placeholders})', keys)  # noqa: S608
            found |= {(table, str(key)) for (key,) in cursor.fetchall()}
    return found


def json_line(values: dict[str, Any]) -> str:
    """Return a dict as a line of JSON."""
    return json.dumps(values, ensure_ascii=False, default=str) + "\n"
