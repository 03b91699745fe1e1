"""What is in the old database, as its catalogue tells."""

from dataclasses import dataclass, field

from django.apps import apps
from django.db.migrations.recorder import MigrationRecorder

ALEMBIC = "alembic_version"
MIGRATIONS = MigrationRecorder.Migration._meta.db_table


@dataclass(frozen=True)
class FoundColumn:
    """A column as it is.

    `family` is as in camp.operations.takeover.expected, and beside these: number, naive (a moment
    without a time zone), date, uuid, enum, bytes, other. `limit` is the most characters, or
    the bytes of an integer.
    """

    name: str
    type: str
    family: str
    limit: int | None
    null: bool
    default: str = ""  # "" also where there is none
    generated: bool = False  # identity, or computed: an insert need not name it

    @property
    def needs_value(self):
        """Return whether an insert that does not name the column fails."""
        return not (self.null or self.default or self.generated)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key as it is; `rule` is what its ON DELETE says."""

    name: str
    columns: tuple
    table: str
    targets: tuple
    rule: str


@dataclass(frozen=True)
class Unique:
    """Columns that are unique together; `constraint` if it is more than an index."""

    name: str
    columns: tuple
    constraint: bool


@dataclass
class FoundTable:
    """A table as it is."""

    name: str
    columns: dict
    rows: int = 0
    primary_key: tuple = ()
    uniques: list = field(default_factory=list)
    foreign_keys: list = field(default_factory=list)
    checks: dict = field(default_factory=dict)  # name: definition
    indexes: list = field(default_factory=list)
    views: dict = field(default_factory=dict)  # column: names of the views that read it
    owner: str = ""  # where it is not who logs in here
    ordinary: bool = True  # no view, no partition
    behind: bool = False  # whether the next row would get a number that is taken

    def is_unique(self, column):
        """Return whether no two rows have the same in a column."""
        return self.primary_key == (column,) or any(
            unique.columns == (column,) for unique in self.uniques
        )

    def points_into(self, column, table):
        """Return whether a foreign key leads from a column into a table."""
        keys = ((key.columns, key.table) for key in self.foreign_keys)
        return ((column,), table) in keys


@dataclass
class Found:
    """The old database: its tables, by Camp's names, and how many rows every table has."""

    tables: dict
    counts: dict
    revision: str  # Alembic's, "" where there is none
    # (table, table of the guide): a row of the first keeps one of the second from going.
    holders: list = field(default_factory=list)

    @property
    def others(self):
        """Return {table: rows} of the tables that Camp does not know."""
        models = apps.get_models(include_auto_created=True)
        known = {model._meta.db_table for model in models} | {ALEMBIC, MIGRATIONS}
        known |= {table.name for table in self.tables.values()}
        return {name: rows for name, rows in self.counts.items() if name not in known}
