"""How PostgreSQL's tables become Camp's: in place, rule by rule."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from camp.operations.takeover.steps import Step, count, quoted

# How long others may go on with what they are doing.
PATIENCE = "10s"
OFFSET = r"':.*(Z|[+-]\d\d(:?\d\d)?)$'"


def lock(matches):
    """Keep everybody else from the old tables; raises DatabaseError if they do not let go."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        names = ", ".join(quoted(name) for name in matches)
        cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        # Deferred checks that are still to come would keep a table from being altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def problems(match):
    """Yield sentences about what cannot be altered here."""
    found = match.found
    if found.owner:
        sentence = _(
            "The table %(table)s belongs to %(owner)s: log in as %(owner)s in DATABASE_URL."
        )
        yield sentence % {"table": found.name, "owner": found.owner}
    for column in match.expected.columns.values():
        old = match.old(column.name)
        if old is None or match.is_translated(column.name) or not changes(old, column):
            continue
        for view in found.views.get(old.name, []):
            sentence = _(
                "The view %(view)s reads %(table)s.%(column)s, whose type must change. Take it "
                "away meanwhile: DROP VIEW %(view)s"
            )
            yield sentence % {"view": view, "table": match.name, "column": old.name}
        if column.family == "integer" and old.family == "text":
            wrong = f"trim({quoted(old.name)}) !~ '^[0-9]{{1,18}}$'"
            if count(f"SELECT COUNT(*) FROM {quoted(found.name)} WHERE {wrong}"):
                sentence = _("%(table)s.%(column)s holds what is no number.")
                yield sentence % {"table": match.name, "column": old.name}
    if match.beside:
        yield from views_in_the_way(match)
    else:
        yield from refusals(match)


def views_in_the_way(match):
    """Yield a sentence for each view of a table whose rows move to Camp's own."""
    for view in sorted({view for views in match.found.views.values() for view in views}):
        sentence = _(
            "The view %(view)s reads %(table)s, whose rows move to %(target)s. Take it away: "
            "DROP VIEW %(view)s"
        )
        yield sentence % {"view": view, "table": match.found.name, "target": match.name}


def refusals(match):
    """Yield a sentence for each CHECK that refuses a row as Camp writes it.

    One that cannot be tried on the columns as they will be is met in the end, when all is
    tried out.
    """
    row = ", ".join(
        f"{SAMPLES.get(column.name, 'NULL')}::{plain_type(column)} AS {quoted(name)}"
        for name, column in ((match.names.get(c.name), c) for c in match.expected.columns.values())
        if name
    )
    for name, definition in match.found.checks.items():
        condition = definition.removeprefix("CHECK ").removesuffix(" NOT VALID")
        try:
            with transaction.atomic():
                fits = count(f"SELECT coalesce(({condition}), true) FROM (SELECT {row}) AS camps")
        except DatabaseError:
            continue
        if not fits:
            sentence = _(
                "%(table)s has a rule that refuses what Camp writes: %(rule)s. Take it away "
                "with: ALTER TABLE %(table)s DROP CONSTRAINT %(name)s"
            )
            yield sentence % {"table": match.name, "rule": definition, "name": name}


# What Camp writes that others may not.
SAMPLES = {
    "email": "'a@example.org'",
    "username": "'a'",
    "hashed_password": "'!'",
    "is_active": "true",
    "session_id": "NULL",
    "title": "''",
    "role": "'user'",
    "content": "'a'",
    "filename": "'a'",
    "content_type": "'text/plain'",
    "size": "0",
    "storage_path": "'00/00/00000000-0000-0000-0000-000000000000'",
}


def changes(old, column):
    """Return whether a column's type must change; what is wider than Camp's stays."""
    if column.family == "text":
        if not old.type.startswith(("varchar", "text")):
            return True
        return old.limit is not None and (column.limit is None or old.limit < column.limit)
    if column.family == "integer":
        return (old.family, old.limit) != ("integer", 8)
    return old.family != column.family


def retype(match, zone):
    """Yield the Steps that give columns Camp's types, and let inserts do without unknown ones."""
    table = quoted(match.table)
    for column in match.expected.columns.values():
        old = match.old(column.name)
        if old is None or match.is_translated(column.name) or column.name in numbered(match):
            continue
        name = quoted(column.name)
        sql = []
        if changes(old, column):
            # A default of the old type may not fit the new one; Camp's inserts name a value.
            if old.default and not column.field.primary_key:
                sql.append(f"ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT")
            using = cast(name, old, column, zone)
            sql.append(
                f"ALTER TABLE {table} ALTER COLUMN {name} TYPE {plain_type(column)} USING {using}"
            )
            text = _("%(table)s.%(column)s: %(old)s becomes %(new)s.") % {
                "table": match.name,
                "column": column.name,
                "old": old.type,
                "new": plain_type(column),
            }
            yield Step(text, sql)
        if column.null and not old.null:
            yield Step("", [f"ALTER TABLE {table} ALTER COLUMN {name} DROP NOT NULL"])


def numbered(match):
    """Return the names of the columns that get new numbers, of Camp's type already."""
    return {"id"} if match.renumbered else set()


def plain_type(column):
    """Return a column's type without what makes it number its rows."""
    return column.field.db_type(connection).partition(" GENERATED")[0]


def cast(expression, old, column, zone):
    """Return the SQL that turns an old value into one of Camp's column."""
    if column.family == "text":
        return (
            f"convert_from({expression}, 'UTF8')"
            if old.family == "bytes"
            else f"{expression}::text"
        )
    if column.family == "integer":
        number = f"round({expression}::numeric)" if old.family == "number" else expression
        return f"trim({number})::bigint" if old.family == "text" else f"{number}::bigint"
    if column.family == "boolean":
        return f"{expression} <> 0" if old.family == "integer" else f"{expression}::boolean"
    if old.family in ("naive", "date"):
        return f"{expression}::timestamp AT TIME ZONE '{zone}'"
    if old.family in ("integer", "number"):
        return f"to_timestamp({expression})"
    if old.family == "text":
        return (
            f"CASE WHEN {expression} ~ {OFFSET} THEN {expression}::timestamptz "
            f"ELSE {expression}::timestamp AT TIME ZONE '{zone}' END"
        )
    return expression
