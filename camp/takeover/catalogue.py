"""Reading the catalogue of the old database, on either engine."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from django.db import connection

from camp import database
from camp.takeover import postgresql_catalogue, sqlite_catalogue
from camp.takeover.found import ALEMBIC, Found, FoundTable


def found(names):
    """Return what is Found of the tables `names` in the configured database."""
    counts = database.row_counts()
    catalogue = postgresql_catalogue if connection.vendor == "postgresql" else sqlite_catalogue
    with connection.cursor() as cursor:
        tables = {}
        for name in names:
            if name in counts or catalogue.exists(cursor, name):
                tables[name] = FoundTable(name, {}, counts.get(name, 0))
                catalogue.fill(cursor, tables[name])
        revision = ""
        if counts.get(ALEMBIC):
            cursor.execute(f"SELECT version_num FROM {ALEMBIC} ORDER BY 1")
            revision = ", ".join(number for (number,) in cursor.fetchall())
        holders = catalogue.holders(cursor, tables)
    return Found(tables, counts, revision, holders)
