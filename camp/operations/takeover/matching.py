"""Which column of the old backend is which of Camp's."""

from dataclasses import dataclass, field, replace

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.operations.takeover.names import other_name

# From what family of columns each of Camp's can be made; the likely ones, for guessing by name.
LIKELY = {
    "text": {"text", "uuid", "enum", "bytes"},
    "integer": {"integer", "number"},
    "boolean": {"boolean", "integer"},
    "moment": {"moment", "naive", "date"},
}
POSSIBLE = {
    "text": {*LIKELY["text"], "integer", "number", "boolean", "other"},
    "integer": {*LIKELY["integer"], "text"},
    "boolean": {*LIKELY["boolean"], "text"},
    "moment": {*LIKELY["moment"], "integer", "number", "text"},
}
KEYS = {"integer", "uuid", "text"}


@dataclass
class Match:
    """A table of the guide and the old table that becomes it."""

    expected: object
    found: object
    # Camp's column: the old column that becomes it; a missing one is left out.
    names: dict = field(default_factory=dict)
    # An old column: its name from now on, since Camp needs its own for something else.
    aside: dict = field(default_factory=dict)
    # Camp has its own table already, to which the rows are added.
    beside: bool = False

    @property
    def name(self):
        """Return the table's name."""
        return self.expected.name

    @property
    def table(self):
        """Return what the table is called while its rows become Camp's."""
        return self.found.name if self.beside else self.name

    @property
    def missing(self):
        """Return those of Camp's columns that are not there."""
        columns = self.expected.columns.values()
        return [column for column in columns if column.name not in self.names]

    @property
    def renamed(self):
        """Return {old name: Camp's name} of the columns that go by another name."""
        return {
            old: name for name, old in self.names.items() if old != name and old not in self.aside
        }

    @property
    def unknown(self):
        """Return the columns that Camp keeps without knowing them, as they are called then."""
        used = set(self.names.values()) - self.aside.keys()
        columns = self.found.columns.values()
        return [
            replace(column, name=self.aside.get(column.name, column.name))
            for column in columns
            if column.name not in used
        ]

    @property
    def renumbered(self):
        """Return whether the rows get new keys: the old ones are no numbers, or in use."""
        return self.names.get("id") in self.aside

    def old(self, name):
        """Return the old column that becomes Camp's column `name`, or None."""
        return self.found.columns.get(self.names.get(name))

    def is_translated(self, name):
        """Return whether a reference is looked up anew, since it holds no numbers or old ones."""
        return name in self.names and self.names[name] in self.aside


def matched(expected, found, given):
    """Return {table: Match} of all tables of the guide that are there.

    `given` is {(table, column): old name}, with "" for a column to be made new.
    """
    matches = {}
    for table in expected.tables.values():
        if table.name in found.tables:
            own = {column: old for (name, column), old in given.items() if name == table.name}
            beside = expected.is_own(table.name)
            matches[table.name] = match(table, found.tables[table.name], own, beside)
    unknown = {name for name, _column in given} - matches.keys()
    if unknown:
        raise CommandError(_("There is no table %(table)s here.") % {"table": min(unknown)})
    for one in matches.values():
        set_references_aside(one, matches)
    return matches


def match(expected, found, given, beside):
    """Return the Match of one table."""
    one = Match(expected, found, beside=beside)
    for column, old in given.items():
        if column not in expected.columns or (old and old not in found.columns):
            sentence = _("%(table)s has no column %(column)s.")
            wrong = column if column not in expected.columns else old
            raise CommandError(sentence % {"table": one.name, "column": wrong})
        if old:
            one.names[column] = old
    for column in expected.columns:
        if column in found.columns and column not in {*given, *one.names.values()}:
            one.names[column] = column
    if "id" not in one.names and len(found.primary_key) == 1 and "id" not in given:
        one.names["id"] = found.primary_key[0]
    for column in expected.columns.values():
        if column.name in one.names or column.name in given:
            continue
        if old := other_name(one.name, column.name, candidates(one, column)):
            one.names[column.name] = old
    set_aside(one)
    return one


def candidates(one, column):
    """Return the old columns that could be Camp's `column` by another name."""
    families = KEYS if column.references else LIKELY[column.family]
    known = {*one.expected.columns, *one.expected.later, *one.names.values()}
    return [
        old.name
        for old in one.found.columns.values()
        if old.name not in known
        and old.family in families
        and not points_elsewhere(one, old, column)
    ]


def points_elsewhere(one, old, column):
    """Return whether a foreign key leads from an old column to another table than Camp's."""
    tables = {key.table for key in one.found.foreign_keys if key.columns == (old.name,)}
    return bool(tables - {column.references})


def set_aside(one):
    """Find new names for old columns in the way of Camp's, and for keys that are no numbers."""
    camps = {*one.expected.columns, *one.expected.later}
    for name in one.found.columns:
        used_as = [column for column, old in one.names.items() if old == name]
        if (name in camps and not used_as) or (
            used_as == ["id"] and (one.beside or one.found.columns[name].family != "integer")
        ):
            one.aside[name] = free_name(one, name)


def set_references_aside(one, matches):
    """Have references looked up anew that point to renumbered rows, or hold no numbers."""
    for column in one.expected.columns.values():
        old = one.old(column.name)
        if old is None or not column.references:
            continue
        target = matches.get(column.references)
        if old.family != "integer" or (target and target.renumbered):
            one.aside[old.name] = free_name(one, old.name)


def free_name(one, name):
    """Return a name for an old column that nothing else has."""
    taken = {*one.found.columns, *one.expected.columns, *one.expected.later, *one.aside.values()}
    new = f"old_{name}"
    while new in taken:
        new += "_"
    return new
