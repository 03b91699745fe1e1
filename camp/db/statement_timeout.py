"""A time limit on single SQL statements of processes that serve pages.

Commands such as `backup` have none. A statement over the limit raises OperationalError, which
pages answer with 503.
"""

import time

from django.conf import settings
from django.db.backends.signals import connection_created

# Instructions of SQLite's virtual machine between two checks, some 10 ms; each needs the GIL.
STEPS = 1_000_000


def limit_statements():
    """Limit the statements of all connections that this process opens from now on."""
    if settings.STATEMENT_TIMEOUT:
        connection_created.connect(limit_connection, dispatch_uid="camp.db.statement_timeout")


def limit_connection(connection, **kwargs):
    """Limit the statements of one connection to STATEMENT_TIMEOUT."""
    seconds = settings.STATEMENT_TIMEOUT.total_seconds()
    if connection.vendor == "sqlite":
        clock = StatementClock(seconds)
        connection.connection.set_progress_handler(clock.is_over, STEPS)
        kept = [one for one in connection.execute_wrappers if not isinstance(one, StatementClock)]
        connection.execute_wrappers[:] = [*kept, clock]
    elif not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        # PgBouncer shares connections, so there its own configuration must set this.
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [f"{seconds}s"])


def is_timeout(error):
    """Return whether a database error means that a statement exceeded the limit."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) == "57014" or str(cause) == "interrupted"


class StatementClock:
    """Measures the processor time of the current statement of a SQLite connection.

    Processor time, since a slow client may take the rows of an export slowly.
    """

    def __init__(self, seconds):
        self.seconds = seconds
        self.started = 0.0

    def __call__(self, execute, sql, params, many, context):
        """Run a statement; this is an execute wrapper of Django."""
        self.started = time.thread_time()
        return execute(sql, params, many, context)

    def is_over(self):
        """Return whether to interrupt the statement; this is SQLite's progress handler."""
        return time.thread_time() - self.started > self.seconds
