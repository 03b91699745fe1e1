"""Can files be kept: folders, volumes, room?"""

import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import error_messages
from camp.operations.console import size
from camp.operations.diagnostics import object_store
from camp.web.findings import ERROR, error, ok, warning

FEW_PERCENT = 10  # of the volume; with less left one should make room


def look():
    """Yield what is found of the folders, and of the room in them."""
    found = [*folders(), *volumes(), *exposed(), *object_store.look()]
    found += object_store.contradictions()
    yield from found
    if any(finding.level == ERROR for finding in found):
        return
    yield written(settings.LOCAL_STORAGE_PATH)
    yield room(settings.LOCAL_STORAGE_PATH)


def folders():
    """Can files be written where they belong? Writes nothing."""
    for number, name in enumerate(["CAMP_DATA_DIR", "LOCAL_STORAGE_PATH"], start=1):
        folder = getattr(settings, name)
        if not is_writable(folder):
            values = {"name": name, "folder": folder}
            yield error(
                "storage.data" if number == 1 else "storage.files",
                _("%(name)s cannot be written: %(folder)s") % values,
                _(
                    "Give the user Camp runs as the right to write there, or set %(name)s to "
                    "another folder."
                )
                % values,
                error_messages.own_folder_command(folder),
                check=f"camp.E00{number}",
            )


def volumes():
    """Do uploads come in on the volume on which they are kept?"""
    staging, storage = settings.UPLOAD_STAGING, settings.LOCAL_STORAGE_PATH
    if existing(staging).stat().st_dev != existing(storage).stat().st_dev:
        yield error(
            "storage.staging",
            _("UPLOAD_STAGING and LOCAL_STORAGE_PATH are on different volumes"),
            _(
                "An upload is renamed from one to the other at its end, which only works within "
                "a volume. Keep the staging folder inside LOCAL_STORAGE_PATH, and mount nothing "
                "on it."
            ),
            f"umount {shell.quoted(staging)}" if os.name != "nt" else "",
            check="camp.E003",
        )


def exposed():
    """May everybody read what is stored?"""
    storage, static = settings.LOCAL_STORAGE_PATH, Path(settings.STATIC_ROOT)
    if overlap(storage.resolve(), static.resolve()):
        yield error(
            "storage.exposed",
            _("LOCAL_STORAGE_PATH and the folder of the static files lie inside each other"),
            _(
                "Everybody may read static files. Set LOCAL_STORAGE_PATH to a folder outside of "
                "CAMP_DATA_DIR/static."
            ),
            f"LOCAL_STORAGE_PATH={shell.quoted(settings.CAMP_DATA_DIR / 'files')}",
            check="camp.E004",
        )


def written(folder):
    """Return whether a file can really be written and kept."""
    try:
        with tempfile.TemporaryFile(dir=existing(folder)) as file:
            file.write(b"camp")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        title = _("%(folder)s takes no file (%(why)s)")
        values = {"folder": folder, "why": problem.strerror}
        return error("storage.files", title % values, fix=error_messages.own_folder_command(folder))
    return ok("storage.files", _("%(folder)s takes files") % {"folder": folder})


def room(folder):
    """Return whether there is enough room left for what people may upload."""
    volume = shutil.disk_usage(existing(folder))
    share = volume.free * 100 / max(volume.total, 1)
    values = {"free": size(volume.free), "share": f"{share:.0f}"}
    title = _("%(free)s are left for files (%(share)s %%)") % values
    if volume.free < settings.MAX_UPLOAD_SIZE:
        why = _("One upload may be %(largest)s: make room, or set a smaller MAX_UPLOAD_SIZE.")
        why %= {"largest": size(settings.MAX_UPLOAD_SIZE)}
        return warning("storage.room", title, why, shell.manage("sweep"))
    if share < FEW_PERCENT:
        return warning("storage.room", title, _("Make room."), shell.manage("sweep"))
    return ok("storage.room", title)


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))


def is_writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, or the folder itself can be made."""
    nearest = existing(folder)
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def overlap(one: Path, other: Path) -> bool:
    """Return whether one of two folders lies in the other."""
    return one.is_relative_to(other) or other.is_relative_to(one)
