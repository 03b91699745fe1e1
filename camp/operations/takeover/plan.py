"""What a takeover has to do, worked out before anything is touched."""

from dataclasses import dataclass, field

from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.takeover import (
    later,
    postgresql,
    postgresql_merge,
    postgresql_rules,
    references,
    sqlite,
)
from camp.operations.takeover.catalogue import found as found_in_database
from camp.operations.takeover.detection import sources
from camp.operations.takeover.expected import Expected
from camp.operations.takeover.fills import fills
from camp.operations.takeover.matching import POSSIBLE, matched
from camp.operations.takeover.steps import Step, quoted

# Columns without which the rows would be of no use; the rest has a value for want of one.
NEEDED = {
    ("sample_users", "hashed_password"),
    ("sample_sessions", "user_id"),
    ("sample_messages", "session_id"),
    ("sample_files", "user_id"),
    ("sample_files", "storage_path"),
}


@dataclass
class Plan:
    """What was found, what stands in the way, and the steps."""

    expected: Expected
    found: object
    matches: dict
    problems: list = field(default_factory=list)
    parts: list = field(default_factory=list)
    steps: list = field(default_factory=list)

    @property
    def all_problems(self):
        """Return what must be settled first, that of the parts included."""
        return [*self.problems, *(text for part in self.parts for text in part.problems)]


def made(choices, contributors=()):
    """Return the Plan for the configured database; changes nothing.

    A contributor is called with the matches, {table: Match}, and returns a Part.
    """
    expected = Expected()
    found = found_in_database(sources(expected, choices.tables))
    matches = matched(expected, found, choices.columns)
    plan = Plan(expected, found, matches)
    plan.problems = list(problems(found, matches, choices))
    if not plan.problems:
        plan.parts = [contributor(matches) for contributor in contributors]
        plan.steps = list(steps(plan, choices))
    return plan


def problems(found, matches, choices):
    """Yield a sentence for everything that must be settled first."""
    if not matches:
        yield nothing_known(found)
    for match in matches.values():
        if not match.found.ordinary:
            yield _("%(table)s is no ordinary table.") % {"table": match.name}
            continue
        if match.found.primary_key != (match.names.get("id"),):
            yield _("%(table)s has no primary key of one column.") % {"table": match.name}
        yield from missing(match, choices)
        yield from unlike(match, matches)
        if connection.vendor == "postgresql":
            yield from postgresql.problems(match)
    for column, table in orphaned(matches):
        sentence = _("%(table)s is missing, into which %(column)s points.")
        yield sentence % {"table": table, "column": column}
    if connection.vendor == "sqlite":
        yield from sqlite.problems(found, matches)
    elif not may_create():
        yield _("The log-in of DATABASE_URL may not make tables here: take the database's owner.")


def nothing_known(found):
    """Return the sentence for a database in which no table is one that Camp knows."""
    sentence = _(
        "None of these tables is one that Camp knows: %(tables)s. If they hold the old backend's "
        "data, say which is which with --table sample_users=NAME and so on. If they are "
        "something else's, give Camp a database of its own: DATABASE_URL"
    )
    return sentence % {"tables": ", ".join(found.others) or "–"}


def orphaned(matches):
    """Yield (column, table) where the rows of a table are there and what they belong to is not."""
    for match in matches.values():
        for column in match.expected.columns.values():
            there = column.references in matches or match.beside
            if column.references and not there and match.found.rows:
                yield f"{match.name}.{column.name}", column.references


def missing(match, choices):
    """Yield a sentence for each column that cannot be done without and was not found."""
    for column in match.missing:
        key = (match.name, column.name)
        if key in NEEDED and key not in choices.columns and match.found.rows:
            sentence = _(
                "%(table)s has no column for %(column)s. Say which it is with --column "
                "%(table)s.%(column)s=NAME, or that there is none with --column "
                "%(table)s.%(column)s="
            )
            yield sentence % {"table": match.name, "column": column.name}


def unlike(match, matches):
    """Yield a sentence for each column that Camp's cannot be made from."""
    for column in match.expected.columns.values():
        old = match.old(column.name)
        if old is None or (column.name == "id" and match.renumbered):
            continue
        if match.is_translated(column.name):
            fits = references.key_of(match, column, matches) is not None
        else:
            fits = old.family in POSSIBLE[column.family]
        if not fits:
            sentence = _("%(table)s.%(column)s is %(old)s: Camp cannot make %(new)s of it.")
            values = {"table": match.name, "column": old.name, "old": old.type}
            yield sentence % (values | {"new": column.type})


def may_create():
    """Return whether who logs in here may make tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_schema_privilege(current_schema(), 'CREATE')")
        return cursor.fetchone()[0]


def steps(plan, choices):
    """Yield all Steps in their order."""
    matches = plan.matches.values()
    engine = postgresql if connection.vendor == "postgresql" else sqlite
    for match in matches:
        yield from table_rename(match)
    for match in matches:
        yield from renames(match)
        yield from additions(match)
    yield from references.translate(plan.matches)
    for match in matches:
        if match.renumbered and not match.beside and connection.vendor == "postgresql":
            yield from postgresql_rules.renumber_key(match)
        yield from engine.retype(match, choices.zone)
        if not match.beside:
            yield from loosen(match)
        yield from fills(match, plan.matches)
    for part in plan.parts:
        yield from part.before
    if connection.vendor == "postgresql":
        yield from in_place(plan)
        yield from postgresql_merge.merge(plan.matches)
    else:
        yield from sqlite.rebuild(plan.matches)
    for match in matches:
        yield from later.adopt(match, plan.matches, engine, choices.zone)
        yield from references.orphans(match, plan.matches)
    if connection.vendor == "postgresql":
        yield from postgresql_merge.clear(plan.matches)
        for match in matches:
            if not match.beside:
                yield from postgresql_rules.link(match)
            yield from postgresql_rules.number(match)
    for part in plan.parts:
        yield from part.after


def table_rename(match):
    """Yield the Steps that give a table, and what is named after it, the name of Camp's."""
    old, new = match.found.name, match.name
    if match.beside or old == new:
        return
    text = _("%(old)s is what Camp calls %(new)s: it gets that name.")
    sql = [f"ALTER TABLE {quoted(old)} RENAME TO {quoted(new)}"]
    if connection.vendor == "postgresql":
        for unique in match.found.uniques:
            if unique.constraint and unique.name.startswith(f"{old}_"):
                name = new + unique.name.removeprefix(old)
                names = f"{quoted(unique.name)} TO {quoted(name)}"
                sql.append(f"ALTER TABLE {quoted(new)} RENAME CONSTRAINT {names}")
    yield Step(text % {"old": old, "new": new}, sql)


def renames(match):
    """Yield the Steps that give columns their names."""
    table = quoted(match.table)
    for old, new in match.aside.items():
        text = _("%(table)s.%(old)s is called %(new)s from now on: Camp needs the name.")
        values = {"table": match.name, "old": old, "new": new}
        yield Step(
            text % values, [f"ALTER TABLE {table} RENAME COLUMN {quoted(old)} TO {quoted(new)}"]
        )
    for old, new in match.renamed.items():
        text = _("%(table)s.%(old)s is what Camp calls %(new)s: it gets that name.")
        values = {"table": match.name, "old": old, "new": new}
        yield Step(
            text % values, [f"ALTER TABLE {table} RENAME COLUMN {quoted(old)} TO {quoted(new)}"]
        )


def additions(match):
    """Yield the Steps that add missing columns, empty at first."""
    for column in match.missing:
        kind = postgresql.plain_type(column)
        text = _("%(table)s.%(column)s is added (%(type)s).")
        values = {"table": match.name, "column": column.name, "type": kind}
        yield Step(text % values, [add(match, column)])
    again = [column for column in match.expected.columns.values() if is_again(match, column)]
    for column in again:
        yield Step("", [add(match, column)])


def is_again(match, column):
    """Return whether a column is made anew beside the old one of its name."""
    return match.is_translated(column.name) or (column.name == "id" and match.renumbered)


def add(match, column):
    """Return the SQL that adds a column."""
    kind = postgresql.plain_type(column)
    return f"ALTER TABLE {quoted(match.table)} ADD COLUMN {quoted(column.name)} {kind}"


def loosen(match):
    """Yield the Steps after which an insert need not name columns that Camp does not know."""
    for column in match.unknown:
        if column.needs_value:
            text = _("%(table)s.%(column)s may be empty from now on: Camp does not fill it.")
            sql = f"ALTER TABLE {quoted(match.name)} ALTER COLUMN {quoted(column.name)} "
            yield Step(
                text % {"table": match.name, "column": column.name},
                [f"{sql} DROP NOT NULL"] if connection.vendor == "postgresql" else [],
            )


def in_place(plan):
    """Yield the Steps after which Camp's migrations find what their first ones make."""
    for match in plan.matches.values():
        if not match.beside:
            yield from postgresql_rules.constrain(match)
    absent = [
        table
        for name, table in plan.expected.tables.items()
        if name not in plan.matches and not plan.expected.is_own(name)
    ]
    for table in absent:
        yield Step(
            _("%(table)s is made.") % {"table": table.name}, run=lambda table=table: create(table)
        )
    nodes = plan.expected.pending(plan.matches)

    def migrate():
        recorder = MigrationRecorder(connection)
        recorder.ensure_schema()
        for app, name in nodes:
            recorder.record_applied(app, name)
        call_command("migrate", verbosity=0, interactive=False, beside_old=True)

    if not nodes:
        yield Step(_("Camp's migrations run."), run=migrate)
        return
    text = ngettext(
        "%(count)d first migration is recorded as done, and all others run.",
        "%(count)d first migrations are recorded as done, and all others run.",
        len(nodes),
    )
    yield Step(text % {"count": len(nodes)}, run=migrate)


def create(table):
    """Make a table as the first migration would."""
    with connection.schema_editor() as editor:
        editor.create_model(table.model)
