"""Make the PostgreSQL cluster of a data folder, whole or not at all."""

import contextlib
import functools
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import error_messages
from camp.operations.local_postgres import programs as postgres_programs
from camp.operations.local_postgres.cluster import (
    ROLE_PASSWORD,
    USER,
    Cluster,
    find,
    not_executable,
)
from camp.operations.local_postgres.cluster_metadata import home, inside, write_mark
from camp.operations.local_postgres.programs import Failed

# Where a cluster goes that cannot lie in the data folder: the first that there is.
ELSEWHERE = ("/var/lib", "/var/db", "/var/tmp")  # noqa: S108
STALE_SECONDS = 600  # an init that began earlier was killed


def make(programs, port):
    """Make the Cluster of the data folder, to be run by `programs` on `port`.

    Raises CommandError where that cannot be. What is unfinished lies under another name.
    """
    folder = home()
    try:
        # Who runs the server instead of root has to pass through.
        is_root = os.name != "nt" and os.geteuid() == 0
        folder.parent.mkdir(mode=0o711 if is_root else 0o700, parents=True, exist_ok=True)
        person = postgres_programs.as_unprivileged(folder.parent)
        place = folder if may_enter(person, folder.parent) else elsewhere(folder)
        remove_stale(place)
        draft = place.with_name(f".{place.name}-{secrets.token_hex(6)}")
        draft.mkdir(mode=0o700)
        try:
            fill(draft, programs, port, person)
            put_in_place(draft, place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        if place != folder:
            folder.mkdir(mode=0o700, exist_ok=True)
            write_mark(folder, {"elsewhere": str(place)})
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(error_messages.unwritable_folder(folder.parent, reason)) from None
    except (Failed, LookupError) as error:
        raise CommandError(_("PostgreSQL could not be set up: %(why)s") % {"why": error}) from None
    return find()


def may_enter(person, folder):
    """Return whether `person` may pass through a folder; None is whoever runs this."""
    if person is None:
        return True
    try:
        done = subprocess.run(
            ["test", "-x", folder], cwd="/", check=False, **postgres_programs.identity(person)
        )
    except OSError:
        return False
    return done.returncode == 0


def elsewhere(folder):
    """Return a place for the cluster of a `folder` that only root reaches.

    A place where there is something already belongs to an earlier folder of that name.
    """
    root = next(Path(path) for path in ELSEWHERE if os.path.isdir(path)) / "camp-postgres"
    root.mkdir(mode=0o755, exist_ok=True)
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    number = 1
    while (place := root / (f"{name}-{number}" if number > 1 else name)).exists():
        number += 1
    return place


def remove_stale(place):
    """Remove what an init that was killed has left beside its place."""
    for draft in place.parent.glob(f".{place.name}-*"):
        with contextlib.suppress(OSError):
            if time.time() - draft.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(draft)


def fill(draft, programs, port, person):
    """Make a cluster in the folder `draft`, which will get another name."""
    try:
        copied = postgres_programs.reachable(programs, person, draft / "programs")
    except (OSError, Failed) as error:
        raise CommandError(not_executable(programs, person, error)) from None
    password = draft / "password"
    for file in (password, draft / ROLE_PASSWORD):
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(16))
    if person:
        postgres_programs.give_away(draft, person)
    cluster = Cluster(draft, {})
    postgres_programs.make_data_folder(
        copied,
        cluster.data,
        password_file=password,
        user=USER,
        run=functools.partial(postgres_programs.run, folder=draft, person=person),
    )
    with (cluster.data / "postgresql.conf").open("a", encoding="utf-8") as stream:
        stream.write("\ninclude_if_exists = 'camp.conf'\n")
    cluster.remember(
        programs=inside(copied.folder, draft), major=copied.major, port=port, complete=False
    )


def put_in_place(draft, place):
    """Give a finished cluster its name; raises CommandError where another init was faster."""
    with contextlib.suppress(OSError):
        place.rmdir()  # an empty folder
    try:
        draft.rename(place)
    except OSError:
        if not place.exists():
            raise
        sentence = _("Another command has set up PostgreSQL meanwhile. Start it with: %(fix)s")
        raise CommandError(sentence % {"fix": shell.manage("postgres", "start")}) from None


def chosen(binaries):
    """Return the Programs to make a cluster with: those of a folder, or the newest here.

    Raises CommandError where there are none.
    """
    if binaries:
        folder = Path(binaries).expanduser().resolve()
        found = postgres_programs.programs_in(folder, *postgres_programs.SERVER)
        if found and found.major >= postgres_programs.MINIMUM:
            return found
        sentence = _("%(folder)s does not hold the programs of PostgreSQL %(version)s or newer.")
        values = {"folder": folder, "version": postgres_programs.MINIMUM}
        raise CommandError(sentence % values)
    for found in postgres_programs.installations(*postgres_programs.SERVER):
        return found
    raise CommandError(
        postgres_programs.missing(postgres_programs.SERVER, postgres_programs.MINIMUM, [])
    )
