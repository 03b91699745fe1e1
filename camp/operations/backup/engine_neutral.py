"""Tables of a portable archive, which both database engines can load.

`tables/<table>.jsonl` holds a table: the first line names its columns, each further line is a
row. Tables, columns and values go through the historical models of the migrations that the
database has, so that an older schema is written, and restored, as old as it is.
"""

import base64
import contextlib
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from types import MethodType
from typing import Any, BinaryIO
from urllib.parse import quote

from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import AutoField, Field, UniqueConstraint
from django.utils.translation import gettext as _

from camp.operations.backup.archive import Sink, Writer
from camp.operations.console import Progress
from camp.operations.database.server import table_names

BATCH = 1000  # rows
ALIAS = "snapshot"  # under which querysets find a snapshot's connection
NUL = b"\\u0000"


class CannotLoad(Exception):
    """Rows that the database refuses; the message is one sentence for the user."""


def historical_models(wrapper: Any) -> dict[str, Any]:
    """Return {table: model} as the migrations say that were applied to a database."""
    loader = MigrationLoader(wrapper)
    applied = loader.applied_migrations.keys() & loader.graph.nodes.keys()
    models = loader.project_state(sorted(applied)).apps.get_models(include_auto_created=True)
    found = {model._meta.db_table: model for model in models if model._meta.managed}
    found[MigrationRecorder.Migration._meta.db_table] = MigrationRecorder.Migration
    with wrapper.cursor() as cursor:
        names = table_names(wrapper, cursor)
    return {name: found[name] for name in names if name in found}


def unknown_names(wrapper: Any) -> list[str]:
    """Return the tables, and columns as `table.column`, that no migration made."""
    models = historical_models(wrapper)
    unknown: list[str] = []
    with wrapper.cursor() as cursor:
        for table in table_names(wrapper, cursor):
            if table not in models:
                unknown.append(table)
                continue
            columns = {field.column for field in models[table]._meta.concrete_fields}
            found = wrapper.introspection.get_table_description(cursor, table)
            unknown += [f"{table}.{each.name}" for each in found if each.name not in columns]
    return unknown


def write_tables(writer: Writer, snapshot: Any, progress: Progress | None = None) -> dict[str, int]:
    """Add the tables of a snapshot to an archive; returns {table: number of rows}.

    `writer` is an archive's Writer, `snapshot` a connection of Django's in whose database
    nothing changes meanwhile. `progress` counts rows.
    """
    progress = progress or Progress(None)
    connections[ALIAS] = snapshot
    try:
        counts = {}
        for table, model in historical_models(snapshot).items():
            with writer.member(f"tables/{quote(table, safe='')}.jsonl") as member:
                counts[table] = _write_table(member, snapshot, model, progress)
        return counts
    finally:
        del connections[ALIAS]


def _write_table(member: Sink, snapshot: Any, model: Any, progress: Progress) -> int:
    """Write a table; returns the number of its rows."""
    fields = model._meta.concrete_fields
    columns = [{"name": field.column, "next": _next_number(snapshot, field)} for field in fields]
    member.write(_to_line({"name": model._meta.db_table, "columns": columns}))
    rows = model._base_manager.using(ALIAS).order_by("pk")
    rows = rows.values_list(*(field.attname for field in fields)).iterator(BATCH)
    count = 0
    while batch := list(islice(rows, BATCH)):
        member.write(b"".join(map(_to_line, batch)))
        count += len(batch)
        progress.add(len(batch))
    return count


def _to_line(content: object) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_to_text)
    return text.encode() + b"\n"


def _to_text(value: object) -> str:
    """Return text from which the `to_python` of the value's field makes the value again."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(value).decode()
    return str(value)


def _next_number(wrapper: Any, field: Any) -> int | None:
    """Return the number that the next row gets, or None if the database does not count."""
    if not isinstance(field, AutoField):
        return None
    table = field.model._meta.db_table
    with wrapper.cursor() as cursor:
        if wrapper.vendor == "postgresql":
            names = [wrapper.ops.quote_name(table), field.column]
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", names)
            [sequence] = cursor.fetchone()
            cursor.execute(f"SELECT last_value + is_called::int FROM {sequence}")  # noqa: S608
        else:
            cursor.execute("SELECT seq + 1 FROM sqlite_sequence WHERE name = %s", [table])
        return (cursor.fetchone() or [1])[0]


def load(
    folder: Path, migrations: dict[str, list[str]], progress: Progress | None = None
) -> tuple[dict[str, int], list[str]]:
    """Fill the empty database that Django is connected to.

    `folder` holds the archive's `<table>.jsonl`. The database is migrated to `migrations`,
    {app: [names]}, and no further; rows that these put in are replaced. Returns ({table: number
    of rows}, [tables and columns, as `table.column`, that were left out since no migration
    makes them]). Raises CannotLoad, DatabaseError, OSError.
    """
    migrate_to(migrations)
    models = historical_models(connection)
    counts: dict[str, int] = {}
    left_out: list[str] = []
    with _checked_at_end(models.values()):
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), list(models)))
        for path in sorted(folder.glob("*.jsonl")):
            with path.open("rb") as stream:
                table, columns, is_tagged = _read_header(path, stream.readline())
                if table not in models:
                    left_out.append(table)
                    continue
                loader = _TableLoader(models[table], columns, is_tagged)
                counts[table] = loader.load(stream, progress or Progress(None))
                left_out += loader.left_out
    return counts, left_out


def migrate_to(migrations: dict[str, list[str]]) -> None:
    """Apply {app: [names]} to the empty database, and no further migration."""
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    applied = {(app, name) for app, names in migrations.items() for name in names}
    applied &= set(graph.nodes)
    # Only the last of each app: an earlier target would undo those after it.
    followed = {
        parent.key
        for key in applied
        for parent in graph.node_map[key].parents
        if parent.key[0] == key[0]
    }
    executor.migrate(sorted(applied - followed))


@contextlib.contextmanager
def _checked_at_end(models: Iterable[Any]) -> Iterator[None]:
    """A transaction that ends with a check of the foreign keys.

    PostgreSQL leaves out unique indexes of expressions if the rows, which SQLite accepted,
    violate them: its lower() changes other letters than SQLite's. A migration deals with them.
    """
    unique = []
    if connection.vendor == "postgresql":
        unique = [
            (model, constraint)
            for model in models
            for constraint in model._meta.constraints
            if isinstance(constraint, UniqueConstraint) and constraint.expressions
        ]
    with transaction.atomic():
        for model, constraint in unique:
            with connection.schema_editor() as editor:
                editor.remove_constraint(model, constraint)
        yield
        try:
            connection.check_constraints()
        except IntegrityError as error:
            sentence = _("Rows refer to others that the archive does not hold (%(why)s).")
            raise CannotLoad(sentence % {"why": _first_line(error)}) from None
        for model, constraint in unique:
            with contextlib.suppress(IntegrityError), connection.schema_editor() as editor:
                editor.add_constraint(model, constraint)


def _read_header(path: Path, line: bytes) -> tuple[str, dict[str, int | None], bool]:
    """Return (table, {column: number of the next row}, whether odd values are tagged)."""
    try:
        header = json.loads(line)
        columns = {column["name"]: column.get("next") for column in header["columns"]}
        # Archives of Camp 0.1 name the engine, and write {"text": …} where a value is not of
        # its column's type.
        return header["name"], columns, "vendor" in header
    except (ValueError, TypeError, KeyError, AttributeError):
        sentence = _("The archive does not describe the columns of its table %(name)s.")
        raise CannotLoad(sentence % {"name": path.stem}) from None


class _TableLoader:
    """Loads the rows of one table."""

    def __init__(self, model: Any, columns: dict[str, int | None], is_tagged: bool) -> None:
        self._model, self._table = model, model._meta.db_table
        self._next = columns.get(model._meta.pk.column) or 1
        self._is_tagged = is_tagged
        known = {field.column: field for field in model._meta.concrete_fields}
        self._fields = [(at, known[name]) for at, name in enumerate(columns) if name in known]
        self.left_out = [f"{self._table}.{name}" for name in columns if name not in known]
        for field in known.values():
            # Rows are stored as they are: no `auto_now`, no text that is computed from others.
            field.pre_save = MethodType(Field.pre_save, field)

    def load(self, stream: BinaryIO, progress: Progress) -> int:
        """Insert the rows of the JSON lines in `stream`; returns how many. Raises CannotLoad."""
        objects, count = map(self._parse, stream), 0
        is_counted = isinstance(self._model._meta.pk, AutoField)
        try:
            while batch := list(islice(objects, BATCH)):
                self._model._base_manager.bulk_create(batch)
                if is_counted:
                    self._next = max(self._next, *(each.pk + 1 for each in batch))
                count += len(batch)
                progress.add(len(batch))
            if is_counted:
                self._set_next_number()
        except DatabaseError as error:
            sentence = _("The database refuses the rows of %(table)s (%(why)s).")
            values = {"table": self._table, "why": _first_line(error)}
            raise CannotLoad(sentence % values) from None
        return count

    def _parse(self, line: bytes) -> Any:
        """Return a row's instance."""
        row = json.loads(line)
        values = {}
        for at, field in self._fields:
            value = row[at]
            if self._is_tagged and isinstance(value, dict):
                [value] = value.values()
            if isinstance(value, str) and NUL in line and connection.vendor == "postgresql":
                value = value.replace("\0", "\ufffd")  # PostgreSQL's text has no NUL
            try:
                values[field.attname] = field.to_python(value)
            except ValidationError:
                sentence = _("The archive has an invalid value in the column %(name)s.")
                name = f"{self._table}.{field.column}"
                raise CannotLoad(sentence % {"name": name}) from None
        return self._model(**values)

    def _set_next_number(self) -> None:
        """Let the next row get the number that it would have got in the archived database."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                names = [connection.ops.quote_name(self._table), self._model._meta.pk.column]
                sql = "SELECT setval(pg_get_serial_sequence(%s, %s), %s, false)"
                cursor.execute(sql, [*names, self._next])
                return
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [self._table])
            sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)"
            cursor.execute(sql, [self._table, self._next - 1])


def _first_line(error: Exception) -> str:
    """Return what the database says, without the following lines, which may show a row."""
    return str(error).partition("\n")[0]
