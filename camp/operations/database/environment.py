"""What an installation is for: development, staging or production.

The settings say it, and the database is marked with it, since a development machine may be
pointed at a production database. The stricter of the two applies.
"""

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from camp.models import Instance
from camp.operations.database import server

# From the least strict to the strictest.
ENVIRONMENTS = ("development", "staging", "production")


def current() -> str:
    """Return the environment that applies: the stricter of settings and database."""
    return choose_stricter(settings.CAMP_ENVIRONMENT, read_mark())


def is_production() -> bool:
    """Return whether this is a production database."""
    return strictness(current()) >= strictness("production")


def read_mark() -> str:
    """Return the environment that the database is marked with, "" where there is none."""
    try:
        if not server.database_exists():
            return ""
        found = Instance.objects.filter(pk=1).values_list("environment", flat=True)
        return found.first() or ""
    except DatabaseError:
        return ""


def choose_stricter(one: str, other: str) -> str:
    """Return the stricter of two environments; an unknown one counts as production."""
    return max(one, other, key=strictness)


def strictness(environment: str) -> int:
    """Return how strict an environment is as a number; "" is the least strict."""
    if not environment:
        return -1
    return ENVIRONMENTS.index(environment) if environment in ENVIRONMENTS else len(ENVIRONMENTS)


def mark(environment: str) -> None:
    """Mark the database with an environment."""
    Instance.objects.update_or_create(pk=1, defaults={"environment": environment})


def mark_from_settings() -> None:
    """Mark the database with the environment of the settings, unless it is stricter already."""
    if strictness(read_mark()) < strictness(settings.CAMP_ENVIRONMENT):
        mark(settings.CAMP_ENVIRONMENT)


def mark_after_migrate(**kwargs: Any) -> None:
    """Do the same once a database was migrated; for the signal post_migrate."""
    if Instance._meta.db_table in connection.introspection.table_names():
        mark_from_settings()
