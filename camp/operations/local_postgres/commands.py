"""The actions of `manage.py postgres`: a PostgreSQL of Camp's own in the data folder.

It needs neither root nor Docker and serves this machine alone. Every action raises
CommandError with one sentence if it fails; `say` prints a line.
"""

import os
import unicodedata
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from psycopg.pq import Ping

from camp.config import env_file, shell
from camp.db.errors import error_reason
from camp.operations import error_messages
from camp.operations.console import Say, format_size
from camp.operations.database import server
from camp.operations.local_postgres import create
from camp.operations.local_postgres import move as sqlite
from camp.operations.local_postgres.cluster import (
    DATABASE,
    SUPERUSER,
    Cluster,
    cluster_folder,
    find_cluster,
    find_configured,
)
from camp.operations.local_postgres.programs import Failed, Programs
from camp.operations.server import ports

VARIABLE = "DATABASE_URL"
STOPPED = 3  # the exit code of `pg_ctl status` for a stopped server
STATUS = """
    SELECT pg_postmaster_start_time(),
           (SELECT count(*) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
           current_setting('max_connections'),
           (SELECT pg_database_size(datname) FROM pg_database WHERE datname = %s)
"""


def init(*, port: int | None, binaries: str | None, write: bool, move: bool, say: Say) -> None:
    """Create the cluster, start it, and print its DATABASE_URL, or with `write` store it.

    With `move` everything in SQLite is moved there first. `port` and `binaries` may be None. An
    existing cluster is not changed.
    """
    cluster = find_cluster()
    if cluster is None:
        programs = create.choose_programs(binaries)
        port = choose_port(port, say)
        sentence = _("PostgreSQL %(version)s is set up in %(folder)s ...")
        say(sentence % {"version": programs.version, "folder": cluster_folder()})
        cluster = create.create(programs, port)
    else:
        say(_("PostgreSQL is set up already in %(folder)s.") % {"folder": cluster.home})
        if binaries:
            change_programs(cluster, create.choose_programs(binaries))
        refuse_other_port(cluster, port)
    run(cluster, say)
    if move:
        sqlite.move_to_cluster(cluster, say)
    if write:
        write_url(cluster, say)
        if notice := sqlite.explain_empty_cluster(cluster):
            say(notice)
        return
    fix = shell.manage("postgres", "url", "--write")
    say(_("Put this line into .env.local, or have it done with: %(fix)s") % {"fix": fix})
    say(f"{VARIABLE}={cluster.url}")


def choose_port(wanted: int | None, say: Say) -> int:
    """Return the port for a new cluster: the one that is `wanted`, or by default a free one."""
    port = wanted or server.DEFAULT_PORT
    conflict = ports.explain_conflict(port)
    if not conflict:
        return port
    free = ports.find_free(port + 1)
    if wanted:
        fix = shell.manage("postgres", "init", "--port", str(free))
        other = _("Use another port with: %(fix)s") % {"fix": fix}
        raise CommandError(f"{conflict} {other}")
    chosen = _("Port %(port)s is used instead.") % {"port": free}
    say(f"{conflict} {chosen}")
    return free


def change_programs(cluster: Cluster, programs: Programs) -> None:
    """Run a cluster with other programs, if they have its version."""
    if programs.major != cluster.major:
        sentence = _("The cluster was made by PostgreSQL %(major)s; %(folder)s holds %(version)s.")
        values = {"major": cluster.major, "folder": programs.folder, "version": programs.version}
        raise CommandError(sentence % values)
    cluster.use_programs(programs)


def refuse_other_port(cluster: Cluster, port: int | None) -> None:
    """Raise CommandError if `port` is neither None nor the cluster's."""
    if port not in (None, cluster.port):
        fix = shell.manage("postgres", "restart", "--port", str(port))
        sentence = _("PostgreSQL is set up for port %(port)s. Change that with: %(fix)s")
        raise CommandError(sentence % {"port": cluster.port, "fix": fix})


def refuse_used_port(port: int) -> None:
    """Raise CommandError if a port cannot be listened on."""
    if conflict := ports.explain_conflict(port):
        fix = shell.manage("postgres", "start", "--port", str(ports.find_free(port + 1)))
        sentence = _("Stop the other program, or use another port with: %(fix)s")
        raise CommandError(f"{conflict} {sentence % {'fix': fix}}")


def get_cluster() -> Cluster:
    """Return the Cluster of the data folder; raises CommandError if there is none."""
    cluster = find_cluster()
    if cluster is None:
        sentence = _("There is no PostgreSQL in %(folder)s yet. Make one with: %(fix)s")
        values = {"folder": cluster_folder(), "fix": shell.manage("postgres", "init")}
        raise CommandError(sentence % values)
    return cluster


def start(*, port: int | None, say: Say) -> None:
    """Start the cluster, from now on on `port` unless that is None."""
    cluster = get_cluster()
    if cluster.is_running():
        refuse_other_port(cluster, port)
        ensure_ready(cluster)
        sentence = _("PostgreSQL is running already at %(address)s.")
        say(sentence % {"address": cluster.address})
        return
    if port not in (None, cluster.port):
        refuse_used_port(port)
        cluster.update_metadata(port=port)
        sentence = _("PostgreSQL now uses port %(port)s. Put it into DATABASE_URL with: %(fix)s")
        say(sentence % {"port": port, "fix": shell.manage("postgres", "url", "--write")})
    run(cluster, say)


def run(cluster: Cluster, say: Say) -> None:
    """Start a cluster unless it is running."""
    if not cluster.is_running():
        refuse_used_port(cluster.port)
    ensure_ready(cluster)
    say(_("PostgreSQL runs at %(address)s.") % {"address": cluster.address})


def ensure_ready(cluster: Cluster) -> None:
    """Start a cluster if necessary; return when it has its database and accepts connections."""
    try:
        if not cluster.is_running():
            cluster.start()
        cluster.wait_until_ready()
        cluster.create_database()
    except (OSError, Failed, psycopg.Error) as error:
        sentence = _("PostgreSQL did not start (%(why)s). See its log: %(log)s")
        values = {"why": error_reason(error), "log": cluster.log}
        raise CommandError(sentence % values) from None


def stop(*, say: Say) -> None:
    """Stop the cluster and end its connections."""
    cluster = get_cluster()
    cluster.owner()  # refuses other users
    if not cluster.is_running():
        say(_("PostgreSQL is not running."))
        return
    try:
        cluster.stop()
    except (OSError, Failed) as error:
        if cluster.is_running():
            sentence = _("PostgreSQL did not stop (%(why)s). See its log: %(log)s")
            raise CommandError(sentence % {"why": error, "log": cluster.log}) from None
    say(_("PostgreSQL has stopped."))


def restart(*, port: int | None, say: Say) -> None:
    """Stop the cluster if it runs, and start it, on another port unless `port` is None."""
    if port not in (None, get_cluster().port):
        refuse_used_port(port)
    stop(say=say)
    start(port=port, say=say)


def move(*, say: Say) -> None:
    """Move everything in SQLite into the PostgreSQL of DATABASE_URL."""
    start_if_configured(say)
    sqlite.move_to_configured(say)


def url(*, write: bool, say: Say) -> None:
    """Print the line for DATABASE_URL, or write it into the settings file."""
    cluster = get_cluster()
    if write:
        write_url(cluster, say)
    else:
        say(f"{VARIABLE}={cluster.url}")


def role(*, write: bool, say: Say) -> None:
    """Make Camp log in as a role that is no superuser; starts a stopped cluster."""
    cluster = get_cluster()
    run(cluster, say)
    try:
        cluster.create_role()
    except (OSError, psycopg.Error) as error:
        sentence = _("The role could not be created (%(why)s): nothing was changed.")
        raise CommandError(sentence % {"why": error_reason(error)}) from None
    sentence = _("The database belongs to the role %(role)s, which is no superuser.")
    say(sentence % {"role": cluster.role})
    url(write=write, say=say)


def write_url(cluster: Cluster, say: Say) -> None:
    """Set DATABASE_URL in the settings file of the highest precedence."""
    file = next(iter(env_file.paths(settings.BASE_DIR)), None)
    print_url = shell.manage("postgres", "url")
    if file is None:
        sentence = _(
            "CAMP_ENV_FILES is empty, so no file is read. Set it, or print the line: %(fix)s"
        )
        raise CommandError(sentence % {"fix": print_url})
    try:
        env_file.set_variable(file, VARIABLE, cluster.url)
    except (OSError, UnicodeDecodeError) as error:
        sentence = _(
            "%(file)s cannot be written (%(why)s). Set DATABASE_URL yourself; print it with: "
            "%(fix)s"
        )
        raise CommandError(sentence % {"file": file, "why": error, "fix": print_url}) from None
    say(_("DATABASE_URL in %(file)s now names this PostgreSQL.") % {"file": file})
    if os.environ.get(VARIABLE, cluster.url) != cluster.url:
        say(_("The environment variable DATABASE_URL takes precedence: remove it there."))


def start_if_configured(say: Say) -> None:
    """For `manage.py up`: start the cluster if DATABASE_URL names it and it is stopped."""
    cluster = find_configured()
    if cluster is None or (cluster.is_running() and cluster.ping() == Ping.OK):
        return
    if not cluster.is_running() and ports.explain_conflict(cluster.port):
        try:
            connection.ensure_connection()
            return  # another server has the port, and the database
        except DatabaseError:
            pass
    run(cluster, say)


def status(*, say: Say) -> None:
    """Print the state of the PostgreSQL of DATABASE_URL, and of Camp's own.

    Raises CommandError with the exit code 3 if the PostgreSQL in use is stopped.
    """
    if not server.is_postgresql() or find_configured():
        return print_cluster_status(get_cluster(), say)
    print_server_status(say)
    try:
        cluster = find_cluster()
    except CommandError:
        return None
    if cluster:
        say("")
        print_cluster_status(cluster, say, may_be_stopped=True)
    return None


def print_cluster_status(cluster: Cluster, say: Say, *, may_be_stopped: bool = False) -> None:
    """Print the state of a Cluster."""
    running = cluster.is_running()
    state = _("running (process %(pid)s)") % {"pid": cluster.read_pid()}
    rows = {
        _("Camp's own PostgreSQL"): state if running else _("stopped"),
        _("Version"): str(cluster.major),
        _("Address"): cluster.address,
        _("Database"): DATABASE,
        _("Role"): cluster.role,
    }
    problem = ""
    if running:
        try:
            with cluster.connect() as session:
                rows |= read_status(session, DATABASE)
        except psycopg.Error as error:
            problem = error_reason(error)
    print_table({**rows, _("Data folder"): str(cluster.data)}, say)
    if cluster.role == SUPERUSER or cluster.is_used_as_superuser:
        sentence = _("Camp logs in as a superuser. Have it use a role of its own with: %(fix)s")
        say(sentence % {"fix": shell.manage("postgres", "role", "--write")})
    if problem:
        sentence = _("It refuses connections (%(why)s). See its log: %(log)s")
        raise CommandError(sentence % {"why": problem, "log": cluster.log}, returncode=STOPPED)
    if not running and not may_be_stopped:
        sentence = _("PostgreSQL is stopped. Start it with: %(fix)s")
        fix = shell.manage("postgres", "start")
        raise CommandError(sentence % {"fix": fix}, returncode=STOPPED)


def print_server_status(say: Say) -> None:
    """Print the state of the server of DATABASE_URL."""
    place = server.locate_database()
    rows = {_("PostgreSQL of DATABASE_URL"): _("running"), _("Address"): place.host}
    try:
        with server.connect_for_maintenance(own=True) as session:
            rows |= read_status(session, place.name)
            rows[_("Data folder")] = read_data_folder(session)
    except DatabaseError as error:
        sentence = error_messages.unreachable_database(error)
        raise CommandError(sentence, returncode=STOPPED) from None
    print_table(rows, say)


def read_data_folder(session: Any) -> str:
    """Return the data directory of a server, or that it is hidden."""
    try:
        return session.execute("SHOW data_directory").fetchone()[0]
    except psycopg.errors.InsufficientPrivilege:
        return _("not shown to the user %(user)s") % {"user": connection.settings_dict["USER"]}


def read_status(session: Any, name: str) -> dict[str, str]:
    """Return {label: value} of a server, through a psycopg connection, and its database."""
    started, used, allowed, size = session.execute(STATUS, [name]).fetchone()
    shown_size = _("missing") if size is None else format_size(size)
    running_for = _("less than a minute")
    if (timezone.now() - started).total_seconds() >= 60:
        running_for = timesince(started).replace("\xa0", " ")
    return {
        _("Version"): session.info.parameter_status("server_version").split()[0],
        _("Running for"): running_for,
        _("Database"): f"{name} ({shown_size})",
        _("Connections"): _("%(used)s of %(allowed)s") % {"used": used, "allowed": allowed},
    }


def print_table(rows: dict[str, str], say: Say) -> None:
    """Print {label: value} as two columns."""
    width = max(map(display_width, rows)) + 2
    for label, value in rows.items():
        say(f"{label}{' ' * (width - display_width(label))}{value}")


def display_width(text: str) -> int:
    """Return the width of a text in a terminal, where full-width letters take two cells."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
