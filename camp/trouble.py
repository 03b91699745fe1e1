"""One sentence, with what mends it, for what commonly goes wrong when Camp starts."""

import getpass
import os
import shlex
import sys

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils.translation import gettext as _

from camp.bootstrap_texts import text
from camp.connection_errors import is_connection_error, lacks_tables
from camp.env import UnwritableFolder

# Lines that PostgreSQL's library adds to the one that matters.
HINTS = ("Is the server running", "Multiple connection attempts failed")
OURS = {"accounts", "camp", "files", "sessions_app", "tests"}


def sentence(error):
    """Return the sentence for an exception, or None where only a traceback can tell."""
    if isinstance(error, UnwritableFolder):
        fix = own_folder_command(error.folder)
        return text("unwritable", path=error.folder, why=error.why, fix=fix)
    if isinstance(error, ImproperlyConfigured):
        # Without settings Django cannot translate.
        return text("bad_configuration", why=error)
    if isinstance(error, ModuleNotFoundError):
        return missing_package(error)
    if is_connection_error(error):
        return unreachable_database(error)
    if lacks_tables(error):
        return missing_table(error)
    return None


def missing_package(error):
    """Return the sentence for a package that this environment lacks, or None for our own."""
    package = (error.name or "").partition(".")[0]
    if not package or package in OURS:
        return None
    return text("missing_package", package=package, fix=install_command("requirements.txt"))


def install_command(file):
    """Return the command that installs a requirements file where Camp runs."""
    return f"{quoted(sys.executable)} -m pip install -r {file}"


def unreachable_database(error):
    """Return the sentence for a database that gave no connection."""
    from camp import findings
    from camp.findings.connection import no_connection

    return findings.with_fix(no_connection(error))


def missing_table(error):
    """Return the sentence for a table or column that the database does not have."""
    return _(
        "A table or a column is missing (%(why)s). If it is one of Camp's, make it with: %(fix)s"
    ) % {"why": reason(error), "fix": manage("migrate")}


def failed_migration(error):
    """Return the sentence for a database that could not be brought up to date."""
    return _(
        "The database could not be brought up to date (%(why)s). See the whole story with: %(fix)s"
    ) % {"why": reason(error), "fix": manage("migrate", "--traceback")}


def unwritable_folder(folder, why):
    """Return the sentence for a folder that Camp must write to and cannot."""
    values = {"folder": folder, "why": why, "fix": own_folder_command(folder)}
    sentence = _("Camp cannot write to its data folder %(folder)s (%(why)s). Mend it with: %(fix)s")
    return sentence % values


def own_folder_command(folder):
    """Return the command that gives the person a folder, whatever now stands in its place."""
    there = next(path for path in [folder, *folder.parents] if os.path.exists(path))
    if not there.is_dir():
        return f"{'move' if os.name == 'nt' else 'mv'} {quoted(there)} {quoted(f'{there}.old')}"
    if os.name == "nt":
        return f'icacls {quoted(there)} /grant "{getpass.getuser()}:(OI)(CI)F"'
    if os.geteuid() == 0:  # no right is missing: the place itself cannot be written
        return 'CAMP_DATA_DIR="$HOME/camp-data" ' + manage("up")
    if there == folder:
        return f'sudo chown -R "$(id -un)" {quoted(folder)}'
    return f'sudo install -d -o "$(id -un)" {quoted(folder)}'


def manage(*words):
    """Return a manage.py command as one would type it."""
    return " ".join(["py" if os.name == "nt" else "python3", "manage.py", *words])


def quoted(path):
    """Return a path as one would type it."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))


def reason(error):
    """Return the line of a database's error, or of its text, that tells why; no password."""
    lines = [line.strip(" \t-") for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(HINTS)]
    # A refused statement is explained first, and then shown; a refused connection last.
    cause = getattr(error, "__cause__", None)
    which = 0 if getattr(cause, "sqlstate", None) else -1
    line = telling[which] if telling else type(error).__name__
    line = line.rpartition("FATAL: ")[2].strip()
    secret = connection.settings_dict.get("PASSWORD")
    return line.replace(secret, "***") if secret else line
