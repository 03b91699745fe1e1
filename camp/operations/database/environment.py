"""What a place is for: development, staging or production.

The settings say it, and the database remembers it, since a development machine may be
pointed at the database of a production. The stricter one rules.
"""

from django.conf import settings
from django.db import DatabaseError, connection

from camp.models import Instance
from camp.operations.database import server

# The later, the stricter.
ENVIRONMENTS = ("development", "staging", "production")


def current():
    """Return the environment that rules here: the stricter of settings and database."""
    return stricter(settings.CAMP_ENVIRONMENT, marked())


def is_production():
    """Return whether what is here belongs to people who count on it."""
    return strictness(current()) >= strictness("production")


def marked():
    """Return what the database says of itself; "" where it says nothing."""
    try:
        if not server.is_there():
            return ""
        found = Instance.objects.filter(pk=1).values_list("environment", flat=True)
        return found.first() or ""
    except DatabaseError:
        return ""


def stricter(one, other):
    """Return the stricter of two environments; an unknown one counts as production."""
    return max(one, other, key=strictness)


def strictness(environment):
    """Return how strict an environment is; nothing at all is the least."""
    if not environment:
        return -1
    return ENVIRONMENTS.index(environment) if environment in ENVIRONMENTS else len(ENVIRONMENTS)


def mark(environment):
    """Write into the database what it is for."""
    Instance.objects.update_or_create(pk=1, defaults={"environment": environment})


def remember():
    """Mark the database with the environment of the settings, unless it is stricter already."""
    known = marked()
    if strictness(known) < strictness(settings.CAMP_ENVIRONMENT):
        mark(settings.CAMP_ENVIRONMENT)


def remember_after_migrate(**kwargs):
    """Do as `remember` once a database was migrated; for the signal post_migrate."""
    if connection.introspection.table_names().count(Instance._meta.db_table):
        remember()
