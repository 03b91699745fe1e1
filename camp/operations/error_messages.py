"""One sentence, with the command that fixes it, for common errors of commands."""

import getpass
import os
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from camp.config import shell
from camp.config.secret_key import UnwritableFolder
from camp.db.errors import error_reason, is_connection_error, lacks_tables
from camp.operations.messages import get_text
from camp.web import findings

OWN_PACKAGES = {"accounts", "camp", "files", "sessions_app", "tests"}


def explain(error: BaseException) -> str | None:
    """Return the sentence for an exception, or None if it is a bug and needs a traceback."""
    if isinstance(error, UnwritableFolder):
        fix = own_folder_command(error.folder)
        return get_text("unwritable", path=error.folder, why=error.why, fix=fix)
    if isinstance(error, ImproperlyConfigured):
        # Django cannot translate without settings.
        return get_text("bad_configuration", why=error)
    if isinstance(error, ModuleNotFoundError):
        return explain_missing_package(error)
    if is_connection_error(error) or lacks_tables(error):
        return unreachable_database(error)
    return None


def explain_missing_package(error: ModuleNotFoundError) -> str | None:
    """Return the sentence for a missing package, or None for one of Camp's own."""
    package = (error.name or "").partition(".")[0]
    if not package or package in OWN_PACKAGES:
        return None
    return get_text("missing_package", package=package, fix=install_command("requirements.txt"))


def install_command(file: str) -> str:
    """Return the command that installs a requirements file where Camp runs."""
    return f"{shell.quote(sys.executable)} -m pip install -r {file}"


def unreachable_database(error: BaseException) -> str:
    """Return the sentence for a database without a connection, or without Camp's tables."""
    return findings.format_with_fix(findings.explain(error))


def failed_migration(error: BaseException) -> str:
    """Return the sentence for migrations that failed."""
    sentence = _("The database could not be migrated (%(why)s). See the full error with: %(fix)s")
    fix = shell.manage("migrate", "--traceback")
    return sentence % {"why": error_reason(error), "fix": fix}


def unwritable_folder(folder: Path, why: object) -> str:
    """Return the sentence for a folder that Camp must be able to write."""
    values = {"folder": folder, "why": why, "fix": own_folder_command(folder)}
    sentence = _("Camp cannot write to its data folder %(folder)s (%(why)s). Fix: %(fix)s")
    return sentence % values


def own_folder_command(folder: Path) -> str:
    """Return the command that lets this user write a folder, or moves away what is in its place."""
    existing = next(path for path in [folder, *folder.parents] if os.path.exists(path))
    if not existing.is_dir():
        move = "move" if os.name == "nt" else "mv"
        return f"{move} {shell.quote(existing)} {shell.quote(f'{existing}.old')}"
    if os.name == "nt":
        return f'icacls {shell.quote(existing)} /grant "{getpass.getuser()}:(OI)(CI)F"'
    if os.geteuid() == 0:  # permissions are not the cause: the file system is read-only
        return 'CAMP_DATA_DIR="$HOME/camp-data" ' + shell.manage("up")
    if existing == folder:
        return f'sudo chown -R "$(id -un)" {shell.quote(folder)}'
    return f'sudo install -d -o "$(id -un)" {shell.quote(folder)}'
