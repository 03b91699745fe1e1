"""Move people and what they keep from SQLite into an empty PostgreSQL database."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations.console import Say
from camp.operations.database import server
from camp.operations.local_postgres.cluster import DATABASE, Cluster
from camp.operations.server import lock, processes


def sqlite_file() -> Path:
    """Return the SQLite file in use, or with PostgreSQL the one that was used by default."""
    if server.is_postgresql():
        return settings.CAMP_DATA_DIR / "camp.sqlite3"
    return Path(connection.settings_dict["NAME"])


def count_people_in_sqlite() -> int:
    """Return the number of accounts in the SQLite file; 0 without a file."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{sqlite_file().as_uri()}?mode=ro", uri=True)) as file,
    ):
        return file.execute("SELECT count(*) FROM sample_users").fetchone()[0]
    return 0


def count_people_in_postgresql(session: psycopg.Connection) -> int:
    """Return the number of accounts in the database of a connection; 0 without tables."""
    try:
        return session.execute("SELECT count(*) FROM sample_users").fetchone()[0]  # type: ignore[index]
    except psycopg.errors.UndefinedTable:
        return 0


def explain_people_left_behind(again: str) -> str:
    """Return the sentence about people who are in SQLite only, "" if there are none.

    `again` is the command that moves them.
    """
    people = count_people_in_sqlite()
    if not people:
        return ""
    sentence = ngettext(
        "The SQLite database %(file)s has %(count)d account, which PostgreSQL does not have. Move "
        "it with its sessions and files: %(fix)s",
        "The SQLite database %(file)s has %(count)d accounts, which PostgreSQL does not have. Move "
        "them with their sessions and files: %(fix)s",
        people,
    )
    return sentence % {"file": sqlite_file(), "count": people, "fix": again}


def explain_empty_database() -> str:
    """Return the sentence for `up` on a PostgreSQL without people, "" if nobody is missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM sample_users)")
        if cursor.fetchone()[0]:
            return ""
    return explain_people_left_behind(shell.manage("postgres", "move"))


def explain_empty_cluster(cluster: Cluster) -> str:
    """Return the sentence for `init` of a PostgreSQL without people, "" if nobody is missing."""
    with cluster.connect(DATABASE) as session:
        if count_people_in_postgresql(session):
            return ""
    return explain_people_left_behind(shell.manage("postgres", "init", "--write", "--move"))


def move_to_configured(say: Say) -> None:
    """Move everything from SQLite into the PostgreSQL of DATABASE_URL, which must be empty."""
    if not server.is_postgresql():
        sentence = _("DATABASE_URL names no PostgreSQL. Make one and move there: %(fix)s")
        fix = shell.manage("postgres", "init", "--write", "--move")
        raise CommandError(sentence % {"fix": fix})
    name = connection.settings_dict["NAME"]
    again = shell.manage("postgres", "move")
    try:
        with (
            connection.wrap_database_errors,
            psycopg.connect(**server.connection_parameters(), autocommit=True) as session,
        ):
            people = count_people_in_postgresql(session)
    except DatabaseError as error:
        sentence = _("PostgreSQL cannot be read: %(why)s")
        raise CommandError(sentence % {"why": error_reason(error)}) from None
    move(name, people, {"DATABASE_URL": ""}, {}, again, say)


def move_to_cluster(cluster: Cluster, say: Say) -> None:
    """Move everything from SQLite into Camp's own PostgreSQL, which runs and must be empty."""
    with cluster.connect(DATABASE) as session:
        people = count_people_in_postgresql(session)
    source = {"DATABASE_URL": ""} if server.is_postgresql() else {}
    again = shell.manage("postgres", "init", "--write", "--move")
    move(DATABASE, people, source, {"DATABASE_URL": cluster.url}, again, say)


def move(
    name: str, people: int, source: dict[str, str], target: dict[str, str], again: str, say: Say
) -> None:
    """Restore a portable backup of SQLite in the PostgreSQL database `name`.

    `people` is the number of accounts there; `source` and `target` are the variables that
    select the databases. The SQLite file stays, and the stored files stay where they are.
    """
    found = count_people_in_sqlite()
    if not found:
        say(_("No accounts in %(file)s: there is nothing to move.") % {"file": sqlite_file()})
        return
    if people:
        sentence = ngettext(
            "The PostgreSQL database %(name)s has %(count)d account already: nothing was moved.",
            "The PostgreSQL database %(name)s has %(count)d accounts already: nothing was moved.",
            people,
        )
        raise CommandError(sentence % {"name": name, "count": people})
    with lock.exclusive_access(again):
        pass  # whatever a running server wrote to SQLite from now on would be left behind
    connection.close()
    processes.unregister()
    with tempfile.TemporaryDirectory(dir=settings.CAMP_DATA_DIR, prefix="move-") as folder:
        archive = str(Path(folder) / "sqlite.tar")
        run(["backup", "--portable", "--no-files", "--output", archive], source)
        confirm = ["--no-input", "--name", name, "--force-production", name]
        run(["restore", archive, "--no-files", "--no-backup", *confirm], target)
    sentence = ngettext(
        "%(count)d account was moved with its sessions and files. %(file)s is no longer used: "
        "keep it until you are sure that all is there.",
        "%(count)d accounts were moved with their sessions and files. %(file)s is no longer used: "
        "keep it until you are sure that all is there.",
        found,
    )
    say(sentence % {"count": found, "file": sqlite_file()})


def run(words: list[str], variables: dict[str, str]) -> None:
    """Run a manage.py command with other environment variables; raises CommandError."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    done = subprocess.run(
        command, env=os.environ | variables, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        sentence = _("Nothing was moved: %(why)s")
        raise CommandError(sentence % {"why": (done.stderr or done.stdout).strip()})
