"""A PostgreSQL of Camp's own: what `manage.py postgres` does.

Made and run without root and without Docker, in the data folder, for this machine alone.
Everything here raises CommandError with one sentence where it cannot be done; `say`
prints a line.
"""

import os

import psycopg
from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from camp.config import env_file, shell
from camp.db.errors import error_reason
from camp.operations.local_postgres import making, ports
from camp.operations.local_postgres.cluster import find
from camp.operations.local_postgres.cluster_metadata import home
from camp.operations.local_postgres.programs import Failed

PORT = 5432
VARIABLE = "DATABASE_URL"


def init(*, port, binaries, write, say):
    """Make the cluster and its database, start it, and say or write its DATABASE_URL.

    `port` and `binaries` may be None. What is there already stays as it is.
    """
    cluster = find()
    if cluster is None:
        programs = making.chosen(binaries)
        port = free_port(port, say)
        say(
            _("PostgreSQL %(version)s is set up in %(folder)s ...")
            % {"version": programs.version, "folder": home()}
        )
        cluster = making.make(programs, port)
    else:
        say(_("PostgreSQL is set up already in %(folder)s.") % {"folder": cluster.home})
        if binaries:
            change_programs(cluster, making.chosen(binaries))
        refuse_other_port(cluster, port)
    run(cluster, say)
    if write:
        return write_url(cluster, say)
    fix = shell.manage("postgres", "url", "--write")
    say(_("Put this line into .env.local, or have it done with: %(fix)s") % {"fix": fix})
    return say(f"{VARIABLE}={cluster.url}")


def free_port(wanted, say):
    """Return the port for a new cluster: the one that is wanted, or a free one, saying why."""
    port = wanted or PORT
    if ports.is_free(port):
        return port
    free = ports.free_from(port + 1)
    if wanted:
        fix = shell.manage("postgres", "init", "--port", str(free))
        raise CommandError(f"{taken(port)} {_('Take another with: %(fix)s') % {'fix': fix}}")
    say(f"{taken(port)} {_('Port %(port)s is taken instead.') % {'port': free}}")
    return free


def taken(port):
    """Return a sentence that says that a port is in use, and by whom if that is known."""
    if who := ports.process_on(port):
        return _("Port %(port)s is in use by %(who)s.") % {"port": port, "who": who}
    return _("Port %(port)s is in use or not open to you.") % {"port": port}


def change_programs(cluster, programs):
    """Run a cluster with other programs; raises CommandError for those of another version."""
    if programs.major != cluster.major:
        sentence = _("The cluster was made by PostgreSQL %(major)s; %(folder)s holds %(version)s.")
        values = {"major": cluster.major, "folder": programs.folder, "version": programs.version}
        raise CommandError(sentence % values)
    cluster.use(programs)


def refuse_other_port(cluster, port):
    """Raise CommandError where a cluster is wanted on another port than its own."""
    if port not in (None, cluster.port):
        fix = shell.manage("postgres", "restart", "--port", str(port))
        sentence = _("PostgreSQL is set up for port %(port)s. Change that with: %(fix)s")
        raise CommandError(sentence % {"port": cluster.port, "fix": fix})


def existing():
    """Return the Cluster of the data folder; raises CommandError where there is none."""
    cluster = find()
    if cluster is None:
        fix = shell.manage("postgres", "init")
        sentence = _("There is no PostgreSQL in %(folder)s yet. Make one with: %(fix)s")
        raise CommandError(sentence % {"folder": home(), "fix": fix})
    return cluster


def start(*, port, say):
    """Start the cluster, on another port from now on where `port` is not None."""
    cluster = existing()
    if cluster.pid():
        refuse_other_port(cluster, port)
        wait(cluster)
        return say(
            _("PostgreSQL is running already at %(address)s.") % {"address": cluster.address}
        )
    move(cluster, port, say)
    return run(cluster, say)


def move(cluster, port, say):
    """Give a stopped cluster another port, unless it is None."""
    if port in (None, cluster.port):
        return
    refuse_taken(port)
    cluster.remember(port=port)
    fix = shell.manage("postgres", "url", "--write")
    say(
        _("PostgreSQL has port %(port)s from now on. Put it into DATABASE_URL with: %(fix)s")
        % {"port": port, "fix": fix}
    )


def run(cluster, say):
    """Start a cluster that may be running."""
    if not cluster.pid():
        refuse_taken(cluster.port)
    wait(cluster)
    say(_("PostgreSQL runs at %(address)s.") % {"address": cluster.address})


def refuse_taken(port):
    """Raise CommandError where a port cannot be listened on."""
    if not ports.is_free(port):
        fix = shell.manage("postgres", "start", "--port", str(ports.free_from(port + 1)))
        sentence = _("Stop that, or take another port with: %(fix)s")
        raise CommandError(f"{taken(port)} {sentence % {'fix': fix}}")


def wait(cluster):
    """Return when a cluster runs, has its database and takes connections."""
    try:
        if not cluster.pid():
            cluster.start()
        elif not cluster.is_ready():
            cluster.wait()
        cluster.complete()
    except (OSError, Failed, psycopg.Error) as error:
        raise CommandError(
            _("PostgreSQL did not start (%(why)s). What it wrote is in %(log)s")
            % {"why": error_reason(error), "log": cluster.log}
        ) from None


def stop(*, say):
    """Stop the cluster; its connections are ended."""
    cluster = existing()
    cluster.person()  # refuses another user's
    if not cluster.pid():
        return say(_("PostgreSQL is not running."))
    try:
        cluster.stop()
    except (OSError, Failed) as error:
        if cluster.pid():
            raise CommandError(
                _("PostgreSQL did not stop (%(why)s). What it wrote is in %(log)s")
                % {"why": error, "log": cluster.log}
            ) from None
    return say(_("PostgreSQL has stopped."))


def restart(*, port, say):
    """Stop the cluster if it runs, and start it, on another port where `port` is not None."""
    cluster = existing()
    if port not in (None, cluster.port):
        refuse_taken(port)
    stop(say=say)
    start(port=port, say=say)


def url(*, write, say):
    """Say the line for DATABASE_URL, or write it into the file of the settings."""
    cluster = existing()
    return write_url(cluster, say) if write else say(f"{VARIABLE}={cluster.url}")


def role(*, write, say):
    """Have Camp log in as a role that is no superuser; say or write its DATABASE_URL.

    A stopped cluster is started.
    """
    cluster = existing()
    run(cluster, say)
    try:
        cluster.use_own_role()
    except (OSError, psycopg.Error) as error:
        sentence = _("The role could not be made (%(why)s): nothing was changed.")
        raise CommandError(sentence % {"why": error_reason(error)}) from None
    sentence = _("The database belongs to the role %(role)s, which is no superuser.")
    say(sentence % {"role": cluster.role})
    url(write=write, say=say)


def write_url(cluster, say):
    """Put DATABASE_URL into the file whose values win; every other line stays."""
    file = next(iter(env_file.paths(settings.BASE_DIR)), None)
    if file is None:
        sentence = _(
            "CAMP_ENV_FILES is empty, so no file is read. Set it, or print the line: %(fix)s"
        )
        raise CommandError(sentence % {"fix": shell.manage("postgres", "url")})
    try:
        env_file.set_variable(file, VARIABLE, cluster.url)
    except (OSError, UnicodeDecodeError) as error:
        sentence = _(
            "%(file)s cannot be written (%(why)s). Set DATABASE_URL yourself; print it with: "
            "%(fix)s"
        )
        values = {"file": file, "why": error, "fix": shell.manage("postgres", "url")}
        raise CommandError(sentence % values) from None
    say(_("DATABASE_URL in %(file)s is now this PostgreSQL.") % {"file": file})
    if os.environ.get(VARIABLE, cluster.url) != cluster.url:
        say(_("DATABASE_URL is set in the environment too, which wins: take it out there."))
    return None


def start_if_configured(say):
    """For `manage.py up`: start the cluster if it is the configured database and stopped."""
    if not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return
    try:
        cluster = find()
    except CommandError:
        return  # not Camp's; whether there is a database, the connection tells
    if cluster is None or not cluster.is_configured() or (cluster.pid() and cluster.is_ready()):
        return
    if not cluster.pid() and not ports.is_free(cluster.port) and answers():
        return  # another server has the port, and the database too
    run(cluster, say)


def answers():
    """Return whether the configured database takes a connection."""
    try:
        connection.ensure_connection()
    except DatabaseError:
        return False
    return True
