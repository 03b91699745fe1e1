"""One sentence, with what mends it, for what commonly goes wrong when Camp starts."""

import getpass
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from camp.config import shell
from camp.config.secret_key import UnwritableFolder
from camp.db.errors import error_reason, is_connection_error, lacks_tables
from camp.operations.messages import text

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
    return f"{shell.quoted(sys.executable)} -m pip install -r {file}"


def unreachable_database(error):
    """Return the sentence for a database that gave no connection."""
    from camp.operations.diagnostics.connection import no_connection
    from camp.web import findings

    return findings.format_with_fix(no_connection(error))


def missing_table(error):
    """Return the sentence for a table or column that the database does not have."""
    return _(
        "A table or a column is missing (%(why)s). If it is one of Camp's, make it with: %(fix)s"
    ) % {"why": error_reason(error), "fix": shell.manage("migrate")}


def failed_migration(error):
    """Return the sentence for a database that could not be brought up to date."""
    return _(
        "The database could not be brought up to date (%(why)s). See the whole story with: %(fix)s"
    ) % {"why": error_reason(error), "fix": shell.manage("migrate", "--traceback")}


def unwritable_folder(folder, why):
    """Return the sentence for a folder that Camp must write to and cannot."""
    values = {"folder": folder, "why": why, "fix": own_folder_command(folder)}
    sentence = _("Camp cannot write to its data folder %(folder)s (%(why)s). Mend it with: %(fix)s")
    return sentence % values


def own_folder_command(folder):
    """Return the command that gives the person a folder, whatever now stands in its place."""
    there = next(path for path in [folder, *folder.parents] if os.path.exists(path))
    if not there.is_dir():
        move = "move" if os.name == "nt" else "mv"
        return f"{move} {shell.quoted(there)} {shell.quoted(f'{there}.old')}"
    if os.name == "nt":
        return f'icacls {shell.quoted(there)} /grant "{getpass.getuser()}:(OI)(CI)F"'
    if os.geteuid() == 0:  # no right is missing: the place itself cannot be written
        return 'CAMP_DATA_DIR="$HOME/camp-data" ' + shell.manage("up")
    if there == folder:
        return f'sudo chown -R "$(id -un)" {shell.quoted(folder)}'
    return f'sudo install -d -o "$(id -un)" {shell.quoted(folder)}'
