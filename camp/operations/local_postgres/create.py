"""Create the PostgreSQL cluster of a data folder, completely or not at all."""

import contextlib
import functools
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.config import shell
from camp.fs.atomic import replace_file
from camp.operations import error_messages
from camp.operations.local_postgres import programs as pg
from camp.operations.local_postgres.cluster import (
    ROLE_PASSWORD,
    SUPERUSER,
    Cluster,
    cluster_folder,
    find_cluster,
    make_reachable,
    relative_to,
    write_metadata,
)
from camp.operations.local_postgres.programs import Failed

if TYPE_CHECKING:
    from pwd import struct_passwd

STALE_SECONDS = 600  # an init that began earlier was killed
# Where a cluster goes if its user cannot enter the data folder: the first that exists.
ELSEWHERE = ("/var/lib", "/var/db", "/var/tmp")  # noqa: S108


def create(programs: pg.Programs, port: int) -> Cluster:
    """Create the Cluster of the data folder, or nothing at all; its database comes later.

    Raises CommandError. An unfinished cluster has another name.
    """
    folder = cluster_folder()
    try:
        # The user that runs the server for root has to pass through.
        is_root = os.name != "nt" and os.geteuid() == 0
        folder.parent.mkdir(mode=0o711 if is_root else 0o700, parents=True, exist_ok=True)
        owner = pg.as_unprivileged(folder.parent)
        place = folder if can_enter(owner, folder.parent) else choose_other_place(folder)
        remove_stale(place)
        draft = place.with_name(f".{place.name}-{secrets.token_hex(6)}")
        draft.mkdir(mode=0o700)
        try:
            fill(draft, programs, port, owner)
            move_into_place(draft, place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        if place != folder:
            folder.mkdir(mode=0o700, exist_ok=True)
            write_metadata(folder, {"elsewhere": str(place)})
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(error_messages.unwritable_folder(folder.parent, reason)) from None
    except (Failed, LookupError) as error:
        raise CommandError(_("PostgreSQL could not be set up: %(why)s") % {"why": error}) from None
    return cast(Cluster, find_cluster())  # never None: it was just made


def fill(draft: Path, programs: pg.Programs, port: int, owner: "struct_passwd | None") -> None:
    """Create a cluster in the folder `draft`, which will be renamed."""
    programs = make_reachable(programs, owner, draft / "programs")
    for name in ("password", ROLE_PASSWORD):
        replace_file(draft / name, secrets.token_hex(16).encode())
    if owner:
        pg.give_away(draft, owner)
    cluster = Cluster(draft, {})
    pg.make_data_folder(
        programs,
        cluster.data,
        password_file=draft / "password",
        user=SUPERUSER,
        run=functools.partial(pg.run, folder=draft, person=owner),
    )
    with (cluster.data / "postgresql.conf").open("a", encoding="utf-8") as stream:
        stream.write("\ninclude_if_exists = 'camp.conf'\n")
    folder = relative_to(programs.folder, draft)
    cluster.update_metadata(programs=folder, major=programs.major, port=port, complete=False)


def move_into_place(draft: Path, place: Path) -> None:
    """Rename a complete cluster; raises CommandError if another command was faster."""
    with contextlib.suppress(OSError):
        place.rmdir()  # an empty folder
    try:
        draft.rename(place)
    except OSError:
        if not place.exists():
            raise
        sentence = _("Another command has set up PostgreSQL meanwhile. Start it with: %(fix)s")
        raise CommandError(sentence % {"fix": shell.manage("postgres", "start")}) from None


def can_enter(owner: "struct_passwd | None", folder: Path) -> bool:
    """Return whether a user (a passwd entry, None for this one) may enter a folder."""
    if owner is None:
        return True
    try:
        done = subprocess.run(["test", "-x", folder], cwd="/", check=False, **pg.identity(owner))
    except OSError:
        return False
    return done.returncode == 0


def choose_other_place(folder: Path) -> Path:
    """Return a new place for the cluster of a `folder` that only root can enter."""
    root = next(Path(path) for path in ELSEWHERE if os.path.isdir(path)) / "camp-postgres"
    root.mkdir(mode=0o755, exist_ok=True)
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    number = 1
    # An existing one belongs to an earlier data folder of the same name.
    while (place := root / (f"{name}-{number}" if number > 1 else name)).exists():
        number += 1
    return place


def remove_stale(place: Path) -> None:
    """Remove what an init that was killed left beside its place."""
    for draft in place.parent.glob(f".{place.name}-*"):
        with contextlib.suppress(OSError):
            if time.time() - draft.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(draft)


def choose_programs(folder: str | None) -> pg.Programs:
    """Return the Programs to create a cluster with: those in `folder`, by default the newest.

    Raises CommandError.
    """
    if folder:
        path = Path(folder).expanduser().resolve()
        found = pg.programs_in(path, *pg.SERVER)
        if found and found.major >= pg.MINIMUM:
            return found
        sentence = _("%(folder)s does not hold the programs of PostgreSQL %(version)s or newer.")
        raise CommandError(sentence % {"folder": path, "version": pg.MINIMUM})
    found = next(pg.installations(*pg.SERVER), None)
    if found is None:
        raise CommandError(pg.explain_missing(pg.SERVER, pg.MINIMUM))
    return found
