"""What `manage.py postgres status` says, of Camp's own PostgreSQL or of the configured one."""

import unicodedata
from datetime import timedelta

import psycopg
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations import error_messages
from camp.operations.database import server as database
from camp.operations.local_postgres import commands
from camp.operations.local_postgres.cluster import DATABASE, USER, find

STOPPED = 3  # as pg_ctl says it
FACTS = """
    SELECT pg_postmaster_start_time(),
           (SELECT count(*) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
           current_setting('max_connections'),
           (SELECT pg_database_size(datname) FROM pg_database WHERE datname = %s)
"""


def status(*, say):
    """Say how the PostgreSQL in use is; that is the configured one, else Camp's own.

    Raises CommandError with the return code 3 where it is stopped.
    """
    if not database.is_postgresql():
        return own_status(commands.existing(), say)
    cluster = own_cluster()
    if cluster and cluster.is_configured():
        return own_status(cluster, say)
    server_status(say)
    if cluster:
        say("")
        own_status(cluster, say, stopped_is_fine=True)
    return None


def own_cluster():
    """Return the Cluster of the data folder, or None where there is none of Camp's."""
    try:
        return find()
    except CommandError:
        return None


def own_status(cluster, say, *, stopped_is_fine=False):
    """Say how a Cluster is; raises CommandError where it is stopped."""
    pid = cluster.pid()
    rows = {
        _("Camp's own PostgreSQL"): (
            _("running (process %(pid)s)") % {"pid": pid} if pid else _("stopped")
        ),
        _("Version"): str(cluster.major),
        _("Address"): cluster.address,
        _("Database"): DATABASE,
        _("Role"): cluster.role,
    }
    problem = None
    if pid:
        try:
            with cluster.connect() as server:
                rows |= facts(server, DATABASE)
        except psycopg.Error as error:
            problem = error_reason(error)
    tell({**rows, _("Data folder"): str(cluster.data)}, say)
    if cluster.role == USER or cluster.is_used_as_superuser:
        sentence = _("Camp logs in as a superuser. Have it use a role of its own with: %(fix)s")
        say(sentence % {"fix": shell.manage("postgres", "role", "--write")})
    if problem:
        sentence = _("It gives no connection (%(why)s). What it wrote is in %(log)s")
        raise CommandError(sentence % {"why": problem, "log": cluster.log}, returncode=STOPPED)
    if not pid and not stopped_is_fine:
        fix = shell.manage("postgres", "start")
        sentence = _("PostgreSQL is stopped. Start it with: %(fix)s")
        raise CommandError(sentence % {"fix": fix}, returncode=STOPPED)


def server_status(say):
    """Say how the server of DATABASE_URL is; raises CommandError where it does not answer."""
    place = database.place()
    try:
        with database.maintenance(own=True) as server:
            rows = facts(server, place.name)
            rows[_("Data folder")] = data_folder(server)
    except DatabaseError as error:
        sentence = error_messages.unreachable_database(error)
        raise CommandError(sentence, returncode=STOPPED) from None
    tell({_("PostgreSQL of DATABASE_URL"): _("running"), _("Address"): place.host, **rows}, say)


def facts(server, name):
    """Return rows about a server, asked through a psycopg connection, and its database."""
    started, used, allowed, size = server.execute(FACTS, [name]).fetchone()
    return {
        _("Version"): server.info.parameter_status("server_version").split()[0],
        _("Running for"): duration(started),
        _("Database"): f"{name} ({_('missing') if size is None else plain(filesizeformat(size))})",
        _("Connections"): _("%(used)s of %(allowed)s") % {"used": used, "allowed": allowed},
    }


def data_folder(server):
    """Return the data directory of a server, or why it is not known."""
    try:
        return server.execute("SHOW data_directory").fetchone()[0]
    except psycopg.errors.InsufficientPrivilege:
        user = connection.settings_dict["USER"]
        return _("not shown to the user %(user)s") % {"user": user}


def duration(since):
    """Return how long ago a time was, in words."""
    if timezone.now() - since < timedelta(minutes=1):
        return _("less than a minute")
    return plain(timesince(since))


def plain(text):
    """Return a text for a terminal, which may not have the space that does not break."""
    return text.replace("\xa0", " ")


def tell(rows, say):
    """Say {label: value} as two columns; a full-width letter takes up two cells."""
    width = max(map(cells, rows)) + 2
    for label, value in rows.items():
        say(f"{label}{' ' * (width - cells(label))}{value}")


def cells(text):
    """Return how many cells of a terminal a text takes up."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
