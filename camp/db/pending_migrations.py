"""Which migrations are not applied."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def find_pending_migrations():
    """Return the Migrations that `migrate` would apply; raises DatabaseError."""
    # Only the executor resolves squashed migrations.
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [migration for migration, _backwards in plan]
