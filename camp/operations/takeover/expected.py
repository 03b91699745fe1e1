"""What Camp expects of the old backend's tables: derived from its own migrations.

The first migration of an app makes the tables of the guide; what later ones add is known
by the difference to the models.
"""

from dataclasses import dataclass
from functools import cached_property

from django.apps import apps
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

PREFIX = "sample_"
FAMILIES = [
    (models.ForeignKey, "integer"),
    (models.AutoField, "integer"),
    (models.IntegerField, "integer"),
    (models.BooleanField, "boolean"),
    (models.DateTimeField, "moment"),
    (models.CharField, "text"),
    (models.TextField, "text"),
]


@dataclass(frozen=True)
class Column:
    """A column of Camp's. `family` is what can stand in it; `limit` its most characters."""

    name: str
    field: models.Field
    null: bool

    @property
    def family(self):
        """Return "text", "integer", "boolean" or "moment"."""
        return next(family for kind, family in FAMILIES if isinstance(self.field, kind))

    @property
    def type(self):
        """Return the column's type on this database."""
        return self.field.db_type(connection)

    @property
    def limit(self):
        """Return the most characters, or None."""
        return self.field.max_length if self.family == "text" else None

    @property
    def references(self):
        """Return the table that the column points into, or ""."""
        remote = self.field.remote_field
        return remote.model._meta.db_table if remote else ""


@dataclass(frozen=True)
class Table:
    """A table of the guide: its columns, and those that later migrations add to it."""

    app: str
    model: type  # as of the first migration
    columns: dict
    later: dict

    @property
    def name(self):
        """Return the table's name."""
        return self.model._meta.db_table


class Expected:
    """The tables of the guide, the ones first that others point into."""

    def __init__(self):
        self.loader = MigrationLoader(connection)
        self.first = [
            self.loader.graph.root_nodes(app)[0] for app in self.apps if self._has_migrations(app)
        ]

    def _has_migrations(self, app):
        return app in self.loader.migrated_apps

    @cached_property
    def apps(self):
        """The labels of the apps whose tables the old backend had."""
        tables = ((model._meta.app_label, model._meta.db_table) for model in apps.get_models())
        return list(dict.fromkeys(app for app, table in tables if table.startswith(PREFIX)))

    @cached_property
    def state(self):
        """The models as of the first migrations."""
        return self.loader.project_state(self.first).apps

    @cached_property
    def tables(self):
        """Each Table by its name."""
        current = {model._meta.db_table: model for model in apps.get_models()}
        found = {}
        for model in self.state.get_models():
            table = model._meta.db_table
            if model._meta.app_label in self.apps and table.startswith(PREFIX):
                found[table] = described(model, current[table])
        return dict(
            sorted(
                found.items(),
                key=lambda item: (self.apps.index(item[1].app), points_into(item[1], found)),
            )
        )

    @cached_property
    def applied(self):
        """The labels of the apps whose first migration ran: their tables are Camp's own."""
        applied = MigrationRecorder(connection).applied_migrations()
        return {app for app, name in self.first if (app, name) in applied}

    def is_own(self, name):
        """Return whether a table, if it is there, is Camp's own and no old one."""
        return self.tables[name].app in self.applied

    def pending(self, tables):
        """Return the first migrations that made one of `tables` as it seems, yet did not run."""
        there = {table.app for table in self.tables.values() if table.name in tables}
        return [(app, name) for app, name in self.first if app in there - self.applied]


def described(model, current):
    """Return the Table of a model as of the first migration, and as it is now."""
    now = {field.column: field for field in current._meta.concrete_fields}
    first = {field.column: field for field in model._meta.concrete_fields}
    return Table(
        model._meta.app_label,
        model,
        {name: Column(name, field, now[name].null) for name, field in first.items()},
        {name: Column(name, field, field.null) for name, field in now.items() if name not in first},
    )


def points_into(table, tables):
    """Return how many steps it takes from a table to one that points into none of `tables`."""
    targets = {column.references for column in table.columns.values()} - {"", table.name}
    return 1 + max((points_into(tables[target], tables) for target in targets), default=0)
