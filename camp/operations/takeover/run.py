"""Taking over a database of the old backend: tables, accounts, and the bytes of files."""

# ruff: noqa: S608  (names come from the catalogue, and are quoted)

import os
import subprocess
from dataclasses import dataclass, field
from functools import partial

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.keys import fill_keys
from camp.db.errors import error_reason, sqlstate
from camp.operations.database import connected_users, old_tables, server
from camp.operations.local_postgres.programs import client
from camp.operations.takeover import accounts, catalogue, convert, files, sessions, shapes
from camp.operations.takeover.catalogue import fetch_value, quote
from camp.operations.takeover.settlement import Settlement

LOCK_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


@dataclass
class Options:
    """What the command line asks for.

    `tables` is {Camp's table: old table}, `columns` {(Camp's table, Camp's column): old column, ""
    for none}, `zone` the time zone of times without one, `uploads` the old folder, `missing` a file
    for the list of what is missing there.
    """

    tables: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)
    zone: str = "UTC"
    settlement: Settlement = field(default_factory=Settlement)
    uploads: str = ""
    link: bool = False
    missing: str = ""
    any_size: bool = False


@dataclass
class Plan:
    """What was found, what must be settled first, and how the tables become Camp's.

    `maps` is {Camp's table: TableMap}, `beside` the names of Camp's tables that are there already,
    `sections` {title: lines} of the report.
    """

    maps: dict
    beside: set
    zone: str
    revision: str
    counts: dict  # {table: rows} of all tables
    new_accounts: dict = field(default_factory=dict)
    sections: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    @property
    def other_tables(self):
        """Return {table: rows} of the tables that are neither Camp's nor taken over."""
        known = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
        known |= {old_tables.ALEMBIC, "django_migrations"}
        known |= {found.old.name for found in self.maps.values()}
        return {name: rows for name, rows in self.counts.items() if name not in known}


def examine(options):
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


def read_revision(counts):
    """Return Alembic's revision of the old tables, "" if there is none."""
    if not counts.get(old_tables.ALEMBIC):
        return ""
    return fetch_value(f"SELECT string_agg(version_num, ', ') FROM {old_tables.ALEMBIC}")


def list_problems(plan, options):
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
    for found in plan.maps.values():
        yield from shapes.list_missing_columns(found, options.columns)
        yield from shapes.list_problems(found, plan.maps, plan.beside)
    if not catalogue.may_create_schemas():
        yield _("The log-in of DATABASE_URL may not create schemas and tables: use the owner's.")


def add_sections(plan, options):
    """Add to a Plan what the rows of the old tables tell."""
    if found := plan.maps.get("sample_users"):
        order = convert.order_rows(found) if found.renumbered else quote(found.key)
        review = accounts.review_accounts(
            found, order, options.settlement, is_beside=found.name in plan.beside
        )
        plan.sections[_("Accounts")] = review.lines
        plan.problems += review.problems
        plan.new_accounts = review.changes
    if found := plan.maps.get("sample_messages"):
        plan.sections[_("Conversations")] = list(sessions.describe_equal_times(found))
    if found := plan.maps.get("sample_files"):
        lines, problems = files.review_files(found, options)
        plan.sections[_("Files")] = lines
        plan.problems += problems


def take_over(options, stream):
    """Take the configured database over, and the bytes of its files.

    The bytes come first: if the rest fails, no row names them, and the next try finds them again.
    Raises CommandError; the database is unchanged then.
    """
    journal = files.open_journal()
    if options.uploads:
        plan = examine(options)
        if not plan.problems and "sample_files" in plan.maps:
            rows = files.read_old_files(plan.maps["sample_files"])
            files.fetch_files(rows, options, journal, stream)
    try:
        with transaction.atomic():
            convert.lock_tables(old_tables.find_old_tables(options.tables).values())
            plan = examine(options)
            if plan.problems:
                raise CommandError(plan.problems[0])
            convert.convert_tables(plan)
            complete(plan, journal)
    except DatabaseError as error:
        raise CommandError(describe_failure(error)) from error
    journal.remove()


def complete(plan, journal):
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


def describe_failure(error):
    """Return the sentence for a takeover that a DatabaseError ended."""
    if sqlstate(error) == LOCK_NOT_AVAILABLE:
        sentence = _(
            "The old tables are in use (%(who)s). Stop the old backend, then try again. The "
            "database is unchanged."
        )
        return sentence % {"who": ", ".join(connected_users.other_connections()) or _("unknown")}
    sentence = _("The takeover failed (%(why)s). The database is unchanged.")
    return sentence % {"why": error_reason(error)}


def back_up():
    """Write the configured database as SQL into the folder of backups; returns the file.

    Raises CommandError.
    """
    file = settings.BACKUP_FOLDER / f"before_takeover_{timezone.localtime():%Y%m%d_%H%M%S}.sql"
    part = file.with_name(f"{file.name}.part")
    programs = client("pg_dump", at_least=server.server_version())
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        dumped = subprocess.run(
            [programs.path("pg_dump"), "--no-password", "--file", part],
            env=server.program_environment(),
            capture_output=True,
            text=True,
            errors="replace",
        )
        if dumped.returncode:
            raise CommandError(describe_failed_backup(error_reason(dumped.stderr)))
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(part, file)
    except OSError as error:
        raise CommandError(describe_failed_backup(error.strerror or error)) from None
    finally:
        part.unlink(missing_ok=True)
    return file


def describe_failed_backup(why):
    """Return the sentence for a copy that could not be made."""
    sentence = _(
        "No copy of the database could be made (%(why)s): nothing was changed. If you have one, "
        "add --no-backup."
    )
    return sentence % {"why": why}


def find_repairs(zone):
    """Return {sentence: function} for what an earlier version of Camp left undone."""
    if not server.is_postgresql() or old_tables.ALEMBIC not in old_tables.read_table_names():
        return {}
    repairs = {}
    users = catalogue.read_table("sample_users", 0).columns
    if "last_login_at" in users:
        where = "last_login IS NULL AND last_login_at IS NOT NULL"
        if number := fetch_value(f"SELECT COUNT(*) FROM sample_users WHERE {where}"):
            text = ngettext(
                "%(count)s account gets the time of the last log-in from %(column)s.",
                "%(count)s accounts get the time of their last log-in from %(column)s.",
                number,
            )
            values = {"count": f"{number:,}", "column": "last_login_at"}
            naive = users["last_login_at"].type_name != "timestamptz"
            repairs[text % values] = partial(fill_last_login, where, zone if naive else "")
    if number := sum(1 for _session in sessions.find_untitled()):
        text = ngettext(
            "%(count)s session without a title gets one from its metadata or its first message.",
            "%(count)s sessions without a title get one from their metadata or first message.",
            number,
        )
        repairs[text % {"count": f"{number:,}"}] = sessions.set_titles
    # Integer keys told the order of the messages.
    old_key = catalogue.read_table("sample_messages", 0).columns.get("old_id")
    if old_key and old_key.type_name not in shapes.INTEGERS:
        misplaced = f"SELECT COUNT(*) FROM ({sessions.select_misplaced()}) AS misplaced"
        if number := fetch_value(misplaced):
            text = ngettext(
                "%(count)s message of the old backend precedes its question, or follows its "
                "answer: it gets its place.",
                "%(count)s messages of the old backend precede their question, or follow their "
                "answer: they get their places.",
                number,
            )
            repairs[text % {"count": f"{number:,}"}] = sessions.reorder_messages
    return repairs


def fill_last_login(where, zone):
    """Copy the time of the last log-in; `zone` is "" for times with a time zone."""
    value = f"last_login_at::timestamp AT TIME ZONE '{zone}'" if zone else "last_login_at"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE sample_users SET last_login = {value} WHERE {where}")
