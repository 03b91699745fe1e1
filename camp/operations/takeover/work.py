"""Doing a takeover: all of it or nothing."""

import contextlib
from collections import Counter

from django.core.management import CommandError
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from camp.db.errors import error_reason
from camp.operations.database import connected_users, server
from camp.operations.takeover import plan as plans
from camp.operations.takeover import postgresql, sqlite
from camp.operations.takeover.detection import sources
from camp.operations.takeover.expected import Expected

# What PostgreSQL calls a lock that it did not get in time.
LOCK_NOT_AVAILABLE = "55P03"


def take_over(choices, contributors=(), *, check):
    """Take the configured database over; returns the Plan that was followed.

    `check` is called at the end, still in the transaction, and may raise CommandError. On
    whatever error the database is as it was.
    """
    try:
        with exclusive(choices):
            plan = plans.made(choices, contributors)
            if plan.all_problems:
                raise CommandError(plan.all_problems[0])
            for step in plan.steps:
                step.do()
            compare(plan.found.counts, plan)
            check()
            if connection.vendor == "sqlite":
                connection.check_constraints()
    except DatabaseError as error:
        raise CommandError(failure(error)) from error
    return plan


def failure(error):
    """Return the sentence for a takeover that the database stopped."""
    held = getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE
    if held or "database is locked" in str(error):
        sentence = _(
            "Somebody is working with the old tables (%(who)s). Stop the old backend, then try "
            "again. The database is as it was."
        )
        return sentence % {"who": ", ".join(connected_users.other_connections()) or _("unknown")}
    sentence = _("The takeover failed (%(why)s). The database is as it was.")
    return sentence % {"why": error_reason(error)}


@contextlib.contextmanager
def exclusive(choices):
    """Hold one transaction over everything, in which nobody else reads or writes the old tables."""
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with transaction.atomic():
            names = set(connection.introspection.table_names())
            expected = Expected()
            old = sources(expected, choices.tables).values()
            postgresql.lock(names & {*expected.tables, *old})
            yield
        return
    # SQLite takes this only between transactions.
    connection.disable_constraint_checking()
    try:
        with transaction.atomic():
            sqlite.prepare(choices.zone)
            yield
    finally:
        connection.enable_constraint_checking()


def compare(before, plan):
    """Raise CommandError unless every table has the rows that it had.

    Old tables have Camp's names by now, or added their rows to Camp's own. A table may have
    more where rows had to be made for others that belonged to none.
    """
    tables, after = plan.expected.tables, server.row_counts()
    wanted = Counter()
    names = {table.name: name for name, table in plan.found.tables.items()}
    for table, rows in before.items():
        wanted[names.get(table, table)] += rows
    parents = {
        column.references
        for table in tables.values()
        for column in table.columns.values()
        if column.references and not column.null
    }
    for table, rows in wanted.items():
        now = after.get(table, 0)
        if now < rows or (now > rows and table in tables and table not in parents):
            sentence = _(
                "%(table)s would have %(after)d rows instead of %(before)d. The database is as "
                "it was."
            )
            raise CommandError(sentence % {"table": table, "after": now, "before": rows})
