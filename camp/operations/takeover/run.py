"""Taking over a database of the old backend: tables, accounts, and the bytes of files."""

# ruff: noqa: S608  (names come from the catalogue, and are quoted)

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from accounts.keys import fill_keys
from accounts.settlement import Settlement
from camp.db.errors import error_reason, sqlstate
from camp.operations.database import connected_users, old_tables, server
from camp.operations.takeover import accounts, catalogue, convert, files, sessions, shapes
from camp.operations.takeover.catalogue import Pointer, fetch_value, quote
from camp.operations.takeover.files import FileOptions
from camp.operations.takeover.import_files import Journal
from camp.operations.takeover.shapes import TableMap

LOCK_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


@dataclass
class Options:
    """What the command line asks for.

    `tables` is {Camp's table: old table}, `columns` {(Camp's table, Camp's column): old column, ""
    for none}, `zone` the time zone of times without one.
    """

    tables: dict[str, str] = field(default_factory=dict)
    columns: dict[tuple[str, str], str] = field(default_factory=dict)
    zone: str = "UTC"
    settlement: Settlement = field(default_factory=Settlement)
    files: FileOptions = field(default_factory=FileOptions)


@dataclass
class Plan:
    """What was found, what must be settled first, and how the tables become Camp's.

    `maps` is {Camp's table: TableMap}, `beside` the names of Camp's tables that are there already,
    `pointers` {Camp's table: Pointers into the old one}, `sections` {title: lines} of the report.
    """

    maps: dict[str, TableMap]
    beside: set[str]
    zone: str
    revision: str
    counts: dict[str, int]  # {table: rows} of all tables
    new_accounts: dict[str, tuple[str, str]] = field(default_factory=dict)
    pointers: dict[str, list[Pointer]] = field(default_factory=dict)
    sections: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def other_tables(self) -> dict[str, int]:
        """Return {table: rows} of the tables that are neither Camp's nor taken over."""
        known = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
        known |= {old_tables.ALEMBIC, "django_migrations"}
        known |= {mapping.old.name for mapping in self.maps.values()}
        return {name: rows for name, rows in self.counts.items() if name not in known}


def examine(options: Options) -> Plan:
    """Return the Plan for the configured database; changes nothing."""
    counts = server.row_counts()
    migrated = old_tables.read_migrated_apps()
    beside = {table for table, app in old_tables.APPS.items() if app in migrated}
    maps = {}
    for table, old_name in old_tables.find_old_tables(options.tables).items():
        old = catalogue.read_table(old_name, counts.get(old_name, 0))
        fields = convert.find_model(table)._meta.concrete_fields
        columns = [each.column for each in fields]
        maps[table] = shapes.map_table(
            table, old, options.columns, camps_columns=columns, is_beside=table in beside
        )
    plan = Plan(maps, beside, options.zone, read_revision(counts), counts)
    plan.problems = list(list_problems(plan, options))
    if not plan.problems:
        add_sections(plan, options)
    return plan


def read_revision(counts: dict[str, int]) -> str:
    """Return Alembic's revision of the old tables, "" if there is none."""
    if not counts.get(old_tables.ALEMBIC):
        return ""
    return fetch_value(f"SELECT string_agg(version_num, ', ') FROM {old_tables.ALEMBIC}")


def list_problems(plan: Plan, options: Options) -> Iterator[str]:
    """Yield a sentence for everything that must be settled before the rows are looked at."""
    if not plan.maps:
        sentence = _(
            "Camp knows none of these tables: %(tables)s. If they are the old backend's, say which "
            "is which with --table sample_users=NAME and so on. If not, give Camp a database of "
            "its own in DATABASE_URL."
        )
        yield sentence % {"tables": ", ".join(plan.other_tables) or "–"}
    if unknown := {table for table, _column in options.columns} - plan.maps.keys():
        yield _("There is no table %(table)s here.") % {"table": min(unknown)}
    for mapping in plan.maps.values():
        yield from shapes.list_missing_columns(mapping, options.columns)
        yield from shapes.list_problems(mapping, plan.maps, plan.beside)
    if not catalogue.may_create_schemas():
        yield _("The log-in of DATABASE_URL may not create schemas and tables: use the owner's.")


def add_sections(plan: Plan, options: Options) -> None:
    """Add to a Plan what the rows of the old tables tell."""
    names = [mapping.old.name for mapping in plan.maps.values()]
    for each in plan.maps.values():
        plan.pointers[each.name] = catalogue.read_pointers(each.old.name, names)
    if mapping := plan.maps.get("sample_users"):
        order = convert.order_rows(mapping) if mapping.renumbered else quote(mapping.key)
        lines, problems, plan.new_accounts = accounts.review_accounts(
            mapping, order, options.settlement, is_beside=mapping.name in plan.beside
        )
        plan.sections[_("Accounts")] = lines
        plan.problems += problems
    if mapping := plan.maps.get("sample_messages"):
        plan.sections[_("Conversations")] = list(sessions.describe_equal_times(mapping))
    if mapping := plan.maps.get("sample_files"):
        lines, problems = files.review_files(mapping, options.files)
        plan.sections[_("Files")] = lines
        plan.problems += problems


def take_over(options: Options, stream: TextIO) -> None:
    """Take the configured database over, and the bytes of its files.

    The bytes come first: if the rest fails, no row names them, and the next try finds them again.
    Raises CommandError; the database is unchanged then.
    """
    journal = files.open_journal()
    if options.files.uploads:
        plan = examine(options)
        if not plan.problems and "sample_files" in plan.maps:
            rows = files.read_old_files(plan.maps["sample_files"])
            files.fetch_files(rows, options.files, journal, stream)
    try:
        with transaction.atomic():
            convert.lock_tables(old_tables.find_old_tables(options.tables).values())
            plan = examine(options)
            if plan.problems:
                raise CommandError(plan.problems[0])
            convert.convert_tables(plan.maps, plan.pointers, plan.new_accounts, plan.zone)
            complete(plan, journal)
    except DatabaseError as error:
        raise CommandError(describe_failure(error)) from error
    journal.remove()


def complete(plan: Plan, journal: Journal) -> None:
    """Fill what Camp's own code computes for the copied rows."""
    fill_keys(get_user_model())
    sessions.set_titles()
    if "sample_files" in plan.maps:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT new, old FROM {convert.key_table('sample_files')}")
            files.complete_rows(dict(cursor.fetchall()), journal)
    with connection.cursor() as cursor:
        # Here an error can still be named.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def describe_failure(error: DatabaseError) -> str:
    """Return the sentence for a takeover that a DatabaseError ended."""
    if sqlstate(error) == LOCK_NOT_AVAILABLE:
        sentence = _(
            "The old tables are in use (%(who)s). Stop the old backend, then try again. The "
            "database is unchanged."
        )
        return sentence % {"who": ", ".join(connected_users.other_connections()) or _("unknown")}
    sentence = _("The takeover failed (%(why)s). The database is unchanged.")
    return sentence % {"why": error_reason(error)}
