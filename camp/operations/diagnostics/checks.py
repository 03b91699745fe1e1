"""Django's system checks, made from the findings: see camp.findings.

Django runs them before each command; `manage.py check` runs them alone. They read and
never write, and they speak of the names of settings, never of their values.
"""

from django.core.checks import Error, Tags, Warning, register
from django.db import connection
from django.utils.translation import gettext as _

from camp.web.findings import ERROR, OK

# A warning, whatever differs: `migrate`, which asks this too, may be what mends it.
SCHEMA = "camp.W003"


def register_checks():
    """Make the checks known to Django; called once, when the app is ready."""
    register(check_storage, Tags.files)
    register(check_exposure, Tags.security)
    register(check_database, Tags.database)


def check_storage(app_configs=None, **kwargs):
    """Can files be written where they belong, and are they private there?"""
    from camp.operations.diagnostics import object_store, storage

    parts = (storage.folders, storage.volumes, storage.exposed, object_store.contradictions)
    return [message(finding) for part in parts for finding in part()]


def check_exposure(app_configs=None, **kwargs):
    """Does a place that is open to others show them too much?"""
    from camp.operations.diagnostics import safety

    return [message(finding) for finding in safety.exposure()]


def check_database(databases=None, **kwargs):
    """Do the tables fit the models? Only with --database, and before `migrate`.

    What is not migrated yet is left to that. Raises DatabaseError where the database cannot
    be reached, for which the command line has a sentence.
    """
    if "default" not in (databases or ()):
        return []
    from camp.operations.diagnostics import database, schema

    if lacking := faults(database.searcher):
        return [message(each) for each in lacking]
    if database.is_new():
        return []
    connection.ensure_connection()
    if faults(database.tables, database.migrations):
        return []
    return [message(each, SCHEMA, Warning) for each in schema.look() if each.level != OK]


def faults(*parts):
    """Return the Findings of errors."""
    return [finding for part in parts for finding in part() if finding.level == ERROR]


def message(finding, id="", kind=None):
    """Return a Finding as a message of Django's checks."""
    kind = kind or (Error if finding.level == ERROR else Warning)
    hint = finding.detail
    if finding.fix:
        mend = _("Mend it with: %(fix)s") % {"fix": finding.fix}
        hint = f"{hint} {mend}".strip()
    title = _("%(title)s.") % {"title": finding.title}
    return kind(title, hint=hint, id=finding.check or id)
