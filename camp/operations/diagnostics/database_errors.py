"""The finding for an error of the database, for pages shown to the operator."""

from django.db import DatabaseError
from django.utils.translation import gettext as _

from camp.config import shell
from camp.db.errors import error_reason, is_connection_error, lacks_tables
from camp.operations.database import server
from camp.operations.diagnostics.connection import no_connection
from camp.operations.diagnostics.database import migrations, tables
from camp.web import findings


def explain(error):
    """Return a Finding for the trouble."""
    try:
        return missing_tables(error) if lacks_tables(error) else lost_connection(error)
    except DatabaseError as worse:
        return lost_connection(worse)


def missing_tables(error):
    """Return the Finding for tables that are not there."""
    for part in (tables, migrations):
        for finding in part():
            if finding.level == findings.ERROR:
                return finding
    title = _("A table or a column is missing (%(why)s)") % {"why": error_reason(error)}
    return findings.error("database.tables", title, fix=shell.manage("doctor"))


def lost_connection(error):
    """Return the Finding for a database that gives no connection, or breaks it off."""
    if server.is_postgresql() and not is_connection_error(error):
        title = _("The database refuses the request (%(why)s)")
        values = {"why": error_reason(error)}
        return findings.error("database.connection", title % values, fix=shell.manage("doctor"))
    return no_connection(error)
