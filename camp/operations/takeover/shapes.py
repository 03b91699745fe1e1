"""Which columns of the old backend become which of Camp's, for each shape its tables had.

The shapes: the guide's columns; integer keys with `metadata`, `filepath` and `file_id`; UUID keys
in plural tables; UUID keys in singular tables. Their names do not contradict each other, so one
map serves all. Tables that were altered by hand need `--column`.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.operations.takeover.catalogue import OldTable

# What PostgreSQL (pg_type.typname) can convert to each kind of column; None stands for all others
# than bytes.
ACCEPTED: dict[str, set[str] | None] = {
    "text": None,
    "hash": None,
    "reference": None,
    "integer": {"int2", "int4", "int8", "numeric", "float4", "float8"},
    "boolean": {"bool", "int4"},
    "time": {"timestamptz", "timestamp", "date"},
    "trash": {"bool", "timestamptz", "timestamp", "date"},
}
INTEGERS = {"int2", "int4", "int8"}


@dataclass(frozen=True)
class Target:
    """A column of Camp's and the old columns that become it, the first one that is there.

    `default` is the SQL for rows without a value. If `required`, an old table with rows must have
    the column, or the command must be told that there is none.
    """

    name: str
    kind: str
    default: str = "NULL"
    sources: tuple[str, ...] = ()
    required: bool = True
    references: str = ""

    @property
    def known_names(self) -> tuple[str, ...]:
        """Return the old names of the column."""
        return self.sources or (self.name,)


METADATA = Target("old_metadata", "text", sources=("metadata",), required=False)
CREATED = Target("created_at", "time", "now()")
UPDATED = Target("updated_at", "time", "now()", required=False)
TRASH = Target("deleted_at", "trash", sources=("is_deleted", "deleted_at"), required=False)
OWNER = Target("user_id", "reference", references="sample_users")
TARGETS: dict[str, tuple[Target, ...]] = {
    "sample_users": (
        Target("email", "text", "''"),
        Target("username", "text", "''"),
        Target("hashed_password", "hash", "''"),
        Target("is_active", "boolean", "true"),
        CREATED,
        UPDATED,
        Target("last_login", "time", sources=("last_login_at", "last_login"), required=False),
        Target("is_superuser", "boolean", "false", required=False),
        Target("is_staff", "boolean", "false", required=False),
    ),
    "sample_sessions": (
        OWNER,
        Target("session_id", "text", "gen_random_uuid()::text", required=False),
        Target("title", "text", "''", required=False),
        CREATED,
        UPDATED,
        METADATA,
        TRASH,
    ),
    "sample_messages": (
        Target("session_id", "reference", references="sample_sessions"),
        Target("role", "text", "'user'"),
        Target("content", "text", "''"),
        CREATED,
        METADATA,
        Target("edited_at", "time", required=False),
    ),
    "sample_files": (
        OWNER,
        Target("filename", "text", "''"),
        Target("content_type", "text", "''"),
        Target("size", "integer", "0"),
        Target("storage_path", "text", "''", sources=("storage_path", "filepath")),
        CREATED,
        METADATA,
        TRASH,
        Target("session_id", "reference", required=False, references="sample_sessions"),
    ),
}


@dataclass
class TableMap:
    """An old table and what becomes of its columns.

    `columns` is {Camp's column: old column}, `kept` {old column: its name in Camp's table}, for
    columns that Camp does not know. `renumbered` says whether the rows get new integer keys.
    """

    name: str
    old: OldTable
    columns: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    renumbered: bool = False

    @property
    def key(self) -> str:
        """Return the name of the old primary key's column."""
        return self.columns.get("id", "")

    @property
    def targets(self) -> list[Target]:
        """Return the Targets that get values from old columns."""
        return [target for target in TARGETS[self.name] if target.name in self.columns]

    @property
    def has_integer_keys(self) -> bool:
        """Return whether the old keys tell the order in which the rows came."""
        return self.old.columns[self.key].type_name in INTEGERS


def map_table(
    name: str,
    old: OldTable,
    chosen: Mapping[tuple[str, str], str],
    *,
    camps_columns: Iterable[str],
    is_beside: bool,
) -> TableMap:
    """Return the TableMap of an old table (catalogue.OldTable).

    `chosen` is {(table, Camp's column): old column, or "" for none}; `camps_columns` are all
    columns of Camp's table now; `is_beside` whether that table is there already. Raises
    CommandError where `chosen` names a column that does not exist.
    """
    mapping = TableMap(name, old)
    own = {column: source for (table, column), source in chosen.items() if table == name}
    for column, source in own.items():
        if column not in {"id", *(target.name for target in TARGETS[name])}:
            refuse_column(name, column)
        if source and source not in old.columns:
            refuse_column(old.name, source)
    key = own.get("id") or (old.primary_key[0] if len(old.primary_key) == 1 else "")
    if key:
        mapping.columns["id"] = key
        mapping.renumbered = is_beside or not mapping.has_integer_keys
    for target in TARGETS[name]:
        names = [own[target.name]] if target.name in own else target.known_names
        if sources := [source for source in names if source in old.columns]:
            mapping.columns[target.name] = sources[0]
    if "is_superuser" in mapping.columns:
        # Otherwise administrators could not open the administration.
        mapping.columns.setdefault("is_staff", mapping.columns["is_superuser"])
    keep_unknown_columns(mapping, camps_columns)
    return mapping


def refuse_column(table: str, column: str) -> NoReturn:
    """Raise CommandError: there is no such column."""
    sentence = _("%(table)s has no column %(column)s.")
    raise CommandError(sentence % {"table": table, "column": column})


def keep_unknown_columns(mapping: TableMap, camps_columns: Iterable[str]) -> None:
    """Name the columns in which old values are kept that become nothing of Camp's."""
    used = {
        source
        for column, source in mapping.columns.items()
        # Camp does not keep when something was deleted, nor keys that change.
        if column != "deleted_at" and not (column == "id" and mapping.renumbered)
    }
    taken = {*camps_columns}
    for column in mapping.old.columns:
        if column not in used:
            name = column
            while name in taken:
                name = f"old_{name}"
            taken.add(name)
            mapping.kept[column] = name


def list_problems(mapping: TableMap, maps: Iterable[str], beside: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for everything in a TableMap that must be settled first.

    `maps` are all TableMaps by name, `beside` the names of Camp's tables that are there.
    """
    old = mapping.old
    if not old.is_ordinary:
        yield _("%(table)s is not an ordinary table.") % {"table": old.name}
        return
    if old.primary_key != (mapping.key,):
        sentence = _("%(table)s has no primary key of one column.")
        yield sentence % {"table": old.name}
    if old.owner:
        sentence = _("%(table)s belongs to %(owner)s: log in as %(owner)s in DATABASE_URL.")
        yield sentence % {"table": old.name, "owner": old.owner}
    for view in old.views:
        sentence = _("The view %(view)s reads %(table)s. Remove it first: DROP VIEW %(view)s")
        yield sentence % {"view": view, "table": old.name}
    for target in mapping.targets:
        accepted, source = ACCEPTED[target.kind], old.columns[mapping.columns[target.name]]
        if source.type_name == "bytea" or (accepted and source.type_name not in accepted):
            sentence = _("%(table)s.%(column)s is %(type)s, which cannot become %(target)s.")
            values = {"table": old.name, "column": source.name, "type": source.type}
            yield sentence % (values | {"target": f"{mapping.name}.{target.name}"})
        if target.references and target.references not in {*maps, *beside} and old.rows:
            sentence = _("%(table)s is missing, which %(column)s refers to.")
            yield sentence % {
                "table": target.references,
                "column": f"{old.name}.{source.name}",
            }


def list_missing_columns(mapping: TableMap, chosen: Container[tuple[str, str]]) -> Iterator[str]:
    """Yield a sentence for each column that was neither found nor said to be missing."""
    for target in TARGETS[mapping.name]:
        given = target.name in mapping.columns or (mapping.name, target.name) in chosen
        if target.required and mapping.old.rows and not given:
            sentence = _(
                "%(old)s has no column %(column)s. Its columns: %(columns)s. Choose one with "
                "--column %(table)s.%(target)s=NAME, or say that there is none with --column "
                "%(table)s.%(target)s="
            )
            yield sentence % {
                "old": mapping.old.name,
                "column": " / ".join(target.known_names),
                "columns": ", ".join(mapping.old.columns),
                "table": mapping.name,
                "target": target.name,
            }
