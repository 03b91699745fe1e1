"""What a statement costs SQLite, whatever the machine does besides."""

from django.db import connection


class Steps:
    """Counts the instructions of SQLite's virtual machine: `seen` are pairs (count, SQL)."""

    EVERY = 100

    def __init__(self):
        self.seen, self.count, self.sql = [], 0, ""

    def __enter__(self):
        connection.connection.set_progress_handler(self.tick, self.EVERY)
        self.wrapper = connection.execute_wrapper(self.run)
        self.wrapper.__enter__()
        return self

    def __exit__(self, *error):
        self.run(lambda *_: None, "", None, False, {})
        self.wrapper.__exit__(*error)
        connection.connection.set_progress_handler(None, 0)

    def tick(self):
        self.count += self.EVERY
        return 0

    def run(self, execute, sql, params, many, context):
        self.seen.append((self.count, self.sql))
        self.count, self.sql = 0, sql
        return execute(sql, params, many, context)
