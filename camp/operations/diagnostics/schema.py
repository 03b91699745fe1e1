"""Do the tables fit the models? Somebody may have changed them by hand, or a restore."""

import os
from dataclasses import dataclass

from django.apps import apps
from django.db import connection, models
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations.database import server
from camp.operations.diagnostics.backups import newest
from camp.operations.diagnostics.connection import restore_command
from camp.web.findings import ERROR, OK, WARNING, Finding, ok

ID = "schema"
# How much an integer column of PostgreSQL holds, by its name there.
WIDTHS = {"smallint": 2, "integer": 4, "bigint": 8}
MOST = 20  # differences told; more of them tell no more


def look():
    """Yield each difference, or that there is none."""
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        found = [each for model in kept_models() for each in differences(cursor, model, there)]
    yield from sorted(found, key=lambda finding: finding.level != ERROR)[:MOST]
    if not any(finding.level != OK for finding in found):
        yield ok(ID, _("The tables fit the models"))


def kept_models():
    """Return the models whose tables Camp makes."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]


def differences(cursor, model, there):
    """Yield how the table of a model differs from it."""
    table = model._meta.db_table
    if table not in there:
        yield Place(model).is_lost(_("The table %(table)s is missing"), table_sql(model))
        return
    columns = described(cursor, table)
    for field in model._meta.local_concrete_fields:
        if field.column not in columns:
            title = _("The table %(table)s has no column %(column)s")
            yield Place(model, field.column).is_lost(title, column_sql(model, field))
        else:
            yield from column_differences(model, field, columns[field.column])
    known = {field.column for field in model._meta.local_concrete_fields}
    for name in sorted(columns.keys() - known):
        yield extra_column(Place(model, name), columns[name])
    yield from missing_constraints(cursor, model)


def described(cursor, table):
    """Return {column: {type, length, null, default}} of a table."""
    if not server.is_postgresql():
        rows = connection.introspection.get_table_description(cursor, table)
        return {
            row.name: {
                "type": row.type_code.lower(),
                "length": row.display_size,
                "null": row.null_ok,
                "default": row.default is not None,
            }
            for row in rows
        }
    cursor.execute(
        "SELECT column_name, data_type, character_maximum_length, is_nullable = 'YES',"
        " column_default IS NOT NULL OR is_identity = 'YES' OR is_generated = 'ALWAYS'"
        " FROM information_schema.columns"
        " WHERE table_name = %s AND table_schema = ANY (current_schemas(false))",
        [table],
    )
    keys = ("type", "length", "null", "default")
    return {name: dict(zip(keys, rest, strict=True)) for name, *rest in cursor.fetchall()}


def column_differences(model, field, column):
    """Yield how a column differs from its field."""
    place = Place(model, field.column)
    wanted = (field.db_type(connection) or "").lower()
    length, name = column["length"], wanted.partition("(")[0].partition(" ")[0]
    if isinstance(field, models.CharField) and length and length < (field.max_length or 0):
        title = _("%(table)s.%(column)s holds %(length)s characters, %(wanted)s are needed")
        # SQLite does not keep to it.
        level = ERROR if server.is_postgresql() else WARNING
        numbers = {"length": length, "wanted": field.max_length}
        yield place.differs(title, level=level, sql=place.alter(f"TYPE {wanted}"), **numbers)
    found = column["type"]
    narrow = server.is_postgresql() and WIDTHS.get(found, 8) < WIDTHS.get(name, 0)
    if narrow or is_number(found) != is_number(name) or is_moment(found) != is_moment(name):
        title = _("%(table)s.%(column)s is of type %(found)s, %(wanted)s is needed")
        sql = place.alter(f"TYPE {wanted}") if narrow else ""
        yield place.differs(title, sql=sql, found=found, wanted=name)
    if field.null and not column["null"]:
        title = _("%(table)s.%(column)s needs a value, and Camp may have none")
        yield place.differs(title, sql=place.alter("DROP NOT NULL"))
    if column["null"] and not (field.null or field.primary_key):
        title = _("%(table)s.%(column)s may be without a value, and Camp counts on one")
        yield place.differs(title, level=WARNING, sql=place.alter("SET NOT NULL"))


def is_number(type_):
    """Return whether a column of this type holds whole numbers."""
    return type_.startswith(("int", "bigint", "smallint", "serial", "bigserial"))


def is_moment(type_):
    """Return whether a column of this type holds a date or a time."""
    return type_.startswith(("timestamp", "date"))


def extra_column(place, column):
    """Return the Finding for a column that no field knows; it hurts if rows need it."""
    if column["null"] or column["default"]:
        title = _("%(table)s.%(column)s is no column of Camp's and left alone")
        return place.differs(title, level=OK)
    title = _("%(table)s.%(column)s is no column of Camp's and needs a value")
    return place.differs(title, sql=place.alter("DROP NOT NULL"))


def missing_constraints(cursor, model):
    """Yield the unique constraints, foreign keys and indexes that the table lacks."""
    there = connection.introspection.get_constraints(cursor, model._meta.db_table)
    unique = {
        tuple(each["columns"] or ())
        for each in there.values()
        if each["unique"] or each["primary_key"]
    }
    keys = {tuple(each["columns"]) for each in there.values() if each["foreign_key"]}
    leading = {each["columns"][0] for each in there.values() if each["columns"]}
    for field in model._meta.local_concrete_fields:
        place = Place(model, field.column)
        if field.unique and (field.column,) not in unique:
            title = _("%(table)s.%(column)s is not unique")
            yield place.differs(title, sql=place.index("UNIQUE INDEX"))
        elif field.db_index and field.column not in leading:
            title = _("%(table)s.%(column)s has no index, which makes lists slow")
            yield place.differs(title, level=WARNING, sql=place.index("INDEX"))
        if is_key(field) and (field.column,) not in keys:
            yield place.lacks_key(field)
    for names in model._meta.unique_together:
        columns = tuple(model._meta.get_field(name).column for name in names)
        if columns not in unique:
            place = Place(model, ", ".join(columns))
            title = _("%(table)s is not unique by %(column)s")
            yield place.differs(title, sql=place.index("UNIQUE INDEX"))
    editor = connection.schema_editor(collect_sql=True)
    for constraint in model._meta.constraints:
        if constraint.name not in there:
            title = _("The constraint %(column)s of %(table)s is missing")
            sql = str(constraint.create_sql(model, editor) or "")
            yield Place(model, constraint.name).differs(title, sql=sql)
    for index in model._meta.indexes:
        if index.name not in there:
            title = _("The index %(column)s of %(table)s is missing, which makes lists slow")
            sql = str(index.create_sql(model, editor))
            yield Place(model, index.name).differs(title, level=WARNING, sql=sql)


def is_key(field):
    """Return whether the database itself should guard a reference."""
    return bool(field.remote_field) and getattr(field, "db_constraint", False)


@dataclass(frozen=True)
class Place:
    """A column, index or constraint of a model's table, or with "" the table itself."""

    model: type
    name: str = ""

    @property
    def table(self):
        """Return the name of the table."""
        return self.model._meta.db_table

    def differs(self, title, *, level=ERROR, sql="", **values):
        """Return the Finding of a difference, which `sql` takes away.

        Without it only a backup brings back what is lost.
        """
        values |= {"table": self.table, "column": self.name}
        fix = ""
        if level != OK:
            fix = shell_command(sql) if sql else restore_command()
        id = f"{ID}.{self.table}.{self.name}".rstrip(".")
        return Finding(id, level, title % values, "", fix)

    def is_lost(self, title, sql):
        """Return the Finding of what held data: a backup has them, `sql` only the place."""
        return self.differs(title, sql="" if newest() else sql)

    def lacks_key(self, field):
        """Return the Finding for a reference that the database does not guard."""
        other = field.target_field.model._meta.db_table
        sql = (
            f"ALTER TABLE {self.table} ADD FOREIGN KEY ({self.name})"
            f" REFERENCES {other} ({field.target_field.column}) DEFERRABLE INITIALLY DEFERRED"
        )
        title = _("%(table)s.%(column)s has no foreign key to %(other)s")
        sql = sql if server.is_postgresql() else ""
        return self.differs(title, level=WARNING, sql=sql, other=other)

    def alter(self, what):
        """Return the SQL that changes the column; "" on SQLite, which cannot."""
        if not server.is_postgresql():
            return ""
        return f"ALTER TABLE {self.table} ALTER COLUMN {self.name} {what}"

    def index(self, kind):
        """Return the SQL that makes an index."""
        name = "_".join([self.table, *self.name.split(", ")])
        return f"CREATE {kind} {name} ON {self.table} ({self.name})"


def table_sql(model):
    """Return the SQL that makes a model's table."""
    editor = connection.schema_editor(collect_sql=True)
    editor.deferred_sql = []  # what is missing still is found the next time
    return editor.table_sql(model)[0]


def column_sql(model, field):
    """Return the SQL that makes a field's column, with a value in each row."""
    editor = connection.schema_editor(collect_sql=True)
    definition, values = editor.column_sql(model, field, include_default=True)
    definition %= tuple(editor.quote_value(value) for value in values)
    return f"ALTER TABLE {model._meta.db_table} ADD COLUMN {field.column} {definition}"


def shell_command(sql):
    """Return the command that has the database run a statement."""
    word = sql.replace('"', '\\"') if os.name == "nt" else sql
    parameters = ["-c"] if server.is_postgresql() else []
    return shell.manage("dbshell", "--", *parameters, shell.quoted(word))
