"""Django's system checks, made from the findings.

Django runs them before most commands; `manage.py check` runs them alone. They never write,
and name settings but not their values.
"""

from collections.abc import Callable, Collection, Iterable

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection
from django.utils.translation import gettext as _

from camp.web.findings import ERROR, OK, Finding

# Only a warning: `migrate`, which runs this check too, may fix the difference.
SCHEMA = "camp.W003"


def register_checks() -> None:
    """Register the checks with Django; called once, when the app is ready."""
    register(check_storage, Tags.files)
    register(check_exposure, Tags.security)
    register(check_database, Tags.database)


def check_storage(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """Check that files can be written where they belong, and are private there."""
    from camp.operations.diagnostics import storage

    return [to_message(finding) for finding in storage.check_configuration()]


def check_exposure(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """Check for settings that are dangerous on a public instance."""
    from camp.operations.diagnostics import safety

    return [to_message(finding) for finding in safety.check_exposure()]


def check_database(
    databases: Collection[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Check that the tables fit the models; only with --database, and before `migrate`.

    Pending migrations are left to `migrate`. Raises DatabaseError if the database cannot be
    reached; the command line explains that.
    """
    if "default" not in (databases or ()):
        return []
    from camp.operations.diagnostics import database

    if errors := find_errors(database.check_fts_module):
        return [to_message(each) for each in errors]
    if database.is_new():
        return []
    connection.ensure_connection()
    if find_errors(database.check_tables, database.check_migrations):
        return []
    return [
        to_message(each, SCHEMA, Warning) for each in database.check_schema() if each.level != OK
    ]


def find_errors(*checks: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return the Findings of errors."""
    return [finding for check in checks for finding in check() if finding.level == ERROR]


def to_message(
    finding: Finding, id: str = "", kind: type[CheckMessage] | None = None
) -> CheckMessage:
    """Return a Finding as a message of Django's checks."""
    kind = kind or (Error if finding.level == ERROR else Warning)
    hint = finding.detail
    if finding.fix:
        fix = _("Fix: %(fix)s") % {"fix": finding.fix}
        hint = f"{hint} {fix}".strip()
    return kind(f"{finding.title}.", hint=hint, id=finding.check or id)
