"""The report of `manage.py takeover`: what was found, and what it would do."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from camp.operations.backup.report import count_rows
from camp.operations.database import server
from camp.operations.database.old_tables import APPS
from camp.operations.takeover.run import Plan
from camp.operations.takeover.shapes import TableMap


def describe_plan(plan: Plan) -> Iterator[str]:
    """Yield the lines of the report on a Plan."""
    place = server.locate_database()
    yield _("Database: %(name)s (PostgreSQL, %(host)s)") % {"name": place.name, "host": place.host}
    if plan.revision:
        yield _("Made by Alembic, revision %(revision)s.") % {"revision": plan.revision}
    for table in APPS:
        yield ""
        if table in plan.maps:
            yield from describe_table(plan.maps[table])
        else:
            yield _("%(table)s: missing") % {"table": table}
    if plan.other_tables:
        yield ""
        yield _("Tables that Camp does not know, and keeps:")
        for name, rows in plan.other_tables.items():
            yield f"  {name}: {count_rows(rows)}"
    for name, pointers in plan.pointers.items():
        for table in {each.table for each in pointers if "ON DELETE" not in each.definition}:
            text = _("Rows of %(target)s that %(table)s refers to cannot be deleted.")
            yield "  " + text % {"target": name, "table": table}
    for title, lines in plan.sections.items():
        if lines:
            yield from ["", f"{title}:", *(f"  {line}" for line in lines)]
    problems = plan.problems
    if problems:
        yield from ["", _("To be settled first:"), *(f"  ✗ {text}" for text in problems)]
    else:
        yield from ["", _("With --apply:"), *(f"  • {text}" for text in describe_steps(plan))]


def describe_table(mapping: TableMap) -> Iterator[str]:
    """Yield what becomes of an old table and of its columns."""
    title = (
        mapping.name if mapping.old.name == mapping.name else f"{mapping.name} ← {mapping.old.name}"
    )
    yield f"{title}: {count_rows(mapping.old.rows)}"
    same = [each for each, source in mapping.columns.items() if each == source not in mapping.kept]
    if same:
        yield "  = " + _("as in Camp: %(columns)s") % {"columns": ", ".join(same)}
    for column, source in mapping.columns.items():
        if column != source and not (column == "id" and mapping.renumbered):
            yield "  → " + _("%(old)s becomes %(new)s") % {"old": source, "new": column}
    for source, name in mapping.kept.items():
        text = _("%(column)s: %(type)s, unknown to Camp, kept as %(name)s")
        values = {"column": source, "type": mapping.old.columns[source].type, "name": name}
        yield "  + " + text % values


def describe_steps(plan: Plan) -> Iterator[str]:
    """Yield what --apply does."""
    for mapping in plan.maps.values():
        values = {
            "old": mapping.old.name,
            "table": mapping.name,
            "rows": count_rows(mapping.old.rows),
        }
        if mapping.name in plan.beside:
            text = _(
                "%(rows)s of %(old)s are added after those of %(table)s, and %(old)s is removed."
            )
            yield text % values
        elif mapping.renumbered:
            yield _("%(rows)s of %(old)s get integer keys, and become %(table)s.") % values
        else:
            yield _("%(rows)s of %(old)s become %(table)s.") % values
    if "sample_users" in plan.maps:
        yield _("Argon2 hashes get Django's prefix; bcrypt is recognised at log-in.")
    if "sample_sessions" in plan.maps:
        yield _("Sessions without a title get one from their metadata or their first message.")
    if "sample_files" in plan.maps:
        yield _("Files get clean names and types, and the place of their imported bytes.")
    yield _("All of this happens in one transaction, or nothing of it.")
