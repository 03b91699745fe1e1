"""Reading the catalogue of the old database, on either engine."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from dataclasses import replace

from django.db import connection

from camp.operations.database import server
from camp.operations.takeover import postgresql_catalogue, sqlite_catalogue
from camp.operations.takeover.found import ALEMBIC, Found, FoundTable


def found(sources):
    """Return what is Found of old tables in the configured database: {Camp's name: old table}.

    References between them name Camp's tables.
    """
    counts = server.row_counts()
    catalogue = postgresql_catalogue if connection.vendor == "postgresql" else sqlite_catalogue
    camps = {old: name for name, old in sources.items()}
    with connection.cursor() as cursor:
        tables = {}
        for name, old in sources.items():
            tables[name] = FoundTable(old, {}, counts.get(old, 0))
            catalogue.fill(cursor, tables[name])
            tables[name].foreign_keys = [
                replace(key, table=camps.get(key.table, key.table))
                for key in tables[name].foreign_keys
            ]
        revision = ""
        if counts.get(ALEMBIC):
            cursor.execute(f"SELECT version_num FROM {ALEMBIC} ORDER BY 1")
            revision = ", ".join(number for (number,) in cursor.fetchall())
        holders = catalogue.holders(cursor, list(camps))
    return Found(tables, counts, revision, holders)
