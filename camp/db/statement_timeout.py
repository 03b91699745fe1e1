"""A limit on how long a single statement of a page may keep the database busy.

Only processes that serve pages have it: commands such as `backup` may take their time. A
statement over the limit ends with an OperationalError, which pages answer with 503.
"""

import time

from django.conf import settings
from django.db.backends.signals import connection_created

# Steps of SQLite's virtual machine between two looks at the clock, some 10 ms. Each look has
# to wait for the interpreter.
STEPS = 1_000_000


def limit_statements():
    """Limit the statements of every connection that this process opens from now on."""
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
        # PgBouncer hands server connections around: its own configuration sets this there.
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [f"{seconds}s"])


def is_timeout(error):
    """Return whether a database error says that a statement was over the limit."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) == "57014" or str(cause) == "interrupted"


class StatementClock:
    """Measures the processor time of the current statement of a SQLite connection.

    Not the time of day: rows of an export are read as slowly as its client takes them.
    """

    def __init__(self, seconds):
        self.seconds = seconds
        self.started = 0.0

    def __call__(self, execute, sql, params, many, context):
        """Run a statement, as an execute wrapper of Django's."""
        self.started = time.thread_time()
        return execute(sql, params, many, context)

    def is_over(self):
        """Return whether SQLite shall interrupt the statement, as its progress handler."""
        return time.thread_time() - self.started > self.seconds
