"""Whether a database is one of the old backend, which `migrate` must not touch."""

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp import database, trouble
from camp.takeover.expected import PREFIX, Expected


def is_old():
    """Return whether tables of the old backend are here that Camp did not take over yet."""
    if not database.is_there():
        return False
    tables = {name for name in connection.introspection.table_names() if name.startswith(PREFIX)}
    return bool(tables and Expected().pending(tables))


def refuse_old():
    """Raise CommandError, naming `manage.py takeover`, if the database is an old one."""
    if is_old():
        sentence = _(
            "The database %(name)s was made by the old backend, and Camp has not taken it over "
            "yet. See what that would do with: %(fix)s"
        )
        values = {"name": database.place().name, "fix": trouble.manage("takeover")}
        raise CommandError(sentence % values)
