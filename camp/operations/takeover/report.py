"""What was found and what would be done, told to a person."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.database import server
from camp.operations.takeover import postgresql


def lines(plan):
    """Yield the report of a Plan, line by line."""
    place = server.place()
    where = f"{place.engine}, {place.host}" if place.host else place.engine
    yield _("Database: %(name)s (%(where)s)") % {"name": place.name, "where": where}
    if plan.found.revision:
        yield _("Made by Alembic, revision %(revision)s.") % {"revision": plan.found.revision}
    else:
        yield _("Made by the old backend, without a revision of Alembic.")
    for name in plan.expected.tables:
        yield ""
        if name in plan.matches:
            yield from table_lines(plan.matches[name])
        else:
            yield _("%(table)s: missing") % {"table": name}
    if plan.found.others:
        yield ""
        yield _("Tables that Camp does not know, and keeps:")
        for name, rows in plan.found.others.items():
            yield f"  {name}: {counted(rows)}"
    for table, target in plan.found.holders:
        text = _("  What %(table)s points to in %(target)s cannot be deleted: it has no ON DELETE.")
        yield text % {"table": table, "target": target}
    for part in plan.parts:
        if part.lines:
            yield from ["", f"{part.title}:", *(f"  {line}" for line in part.lines)]


def counted(rows):
    """Return a number of rows in words."""
    return ngettext("%(count)s row", "%(count)s rows", rows) % {"count": f"{rows:,}"}


def table_lines(match):
    """Yield what there is to tell of a table."""
    called = f" ← {match.found.name}" if match.found.name != match.name else ""
    yield f"{match.name}{called}: {counted(match.found.rows)}"
    as_camps, others = [], []
    for column in match.expected.columns.values():
        old = match.old(column.name)
        if old is None:
            others.append(f"  - {column.name}: {_('missing')}")
        elif (difference := differs(column, old)) or old.name != column.name:
            called = f" ← {old.name}" if old.name != column.name else ""
            others.append(f"  ~ {column.name}{called}: {difference or old.type}")
        else:
            as_camps.append(column.name)
    if as_camps:
        yield "  = " + _("as Camp's: %(columns)s") % {"columns": ", ".join(as_camps)}
    yield from others
    for column in match.unknown:
        empty = "" if column.null else " NOT NULL"
        yield "  + " + _("%(column)s: %(type)s, unknown to Camp, kept") % {
            "column": column.name,
            "type": f"{column.type}{empty}",
        }
    for key in match.found.foreign_keys:
        yield f"    {', '.join(key.columns)} → {key.table} (ON DELETE {key.rule})"
    unique = [", ".join(each.columns) for each in match.found.uniques]
    if unique:
        yield "    " + _("unique: %(columns)s") % {"columns": "; ".join(unique)}
    if match.found.indexes:
        yield "    " + _("indexes: %(names)s") % {"names": ", ".join(match.found.indexes)}
    for name, definition in match.found.checks.items():
        yield f"    {name} {definition}".rstrip()


def differs(column, old):
    """Return in what an old column is not as Camp's, or ""."""
    words = []
    values = {"old": old.type, "new": postgresql.plain_type(column)}
    room = old.limit if old.family == "text" else None
    if is_other(old, column):
        words.append(_("%(old)s, Camp's is %(new)s") % values)
    elif column.limit and (room is None or room > column.limit):
        words.append(_("%(old)s, wider than Camp's %(new)s, which does no harm") % values)
    if old.null and not column.null:
        words.append(_("may be empty"))
    return ", ".join(words)


def is_other(old, column):
    """Return whether a column is of a type that Camp's database would not have."""
    if server.is_postgresql():
        return postgresql.changes(old, column)
    return column.family != {"naive": "moment"}.get(old.family, old.family)


def plan_lines(plan):
    """Yield what must be settled first, else what --apply does."""
    problems = plan.all_problems
    if problems:
        yield from ["", _("To be settled first:"), *(f"  ✗ {text}" for text in problems)]
        return
    yield from ["", _("With --apply:")]
    texts = [step.text for step in plan.steps if step.text]
    for number, text in enumerate(texts, 1):
        yield f"  {number:>2}. {text}"
