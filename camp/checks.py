"""System checks: configuration that is broken or dangerous, with what to do about it.

Django runs them before each command; `manage.py check` runs them alone. They read and
never write, and they speak of the names of settings, never of their values.
"""

import os
from pathlib import Path

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register


def register_checks():
    """Make the checks known to Django; called once, when the app is ready."""
    register(check_storage, Tags.files)
    register(check_exposure, Tags.security)


def check_storage(app_configs=None, **kwargs):
    """Can files be written where they belong, and are they private there?"""
    found = []
    storage, staging = settings.LOCAL_STORAGE_PATH, settings.UPLOAD_STAGING
    folders = {"CAMP_DATA_DIR": settings.CAMP_DATA_DIR, "LOCAL_STORAGE_PATH": storage}
    for number, (name, folder) in enumerate(folders.items(), start=1):
        if not _is_writable(folder):
            found.append(
                Error(
                    f"{name} cannot be written: {folder}",
                    hint=f"Give the user Camp runs as the right to write there, or set {name} "
                    "to another folder.",
                    id=f"camp.E00{number}",
                )
            )
    if _existing(staging).stat().st_dev != _existing(storage).stat().st_dev:
        found.append(
            Error(
                "UPLOAD_STAGING and LOCAL_STORAGE_PATH are on different volumes.",
                hint="An upload is renamed from one to the other at its end, which only works "
                "within a volume. Keep the staging folder inside LOCAL_STORAGE_PATH, and mount "
                "nothing on it.",
                id="camp.E003",
            )
        )
    static = Path(settings.STATIC_ROOT).resolve()
    if _overlap(storage.resolve(), static):
        found.append(
            Error(
                "LOCAL_STORAGE_PATH and the folder of the static files lie inside each other.",
                hint="Everybody may read static files. Set LOCAL_STORAGE_PATH to a folder "
                "outside of CAMP_DATA_DIR/static.",
                id="camp.E004",
            )
        )
    return found


def check_exposure(app_configs=None, **kwargs):
    """Does a place that is open to others show them too much?"""
    found = []
    if settings.DEBUG and settings.CAMP_HTTPS:
        found.append(
            Error(
                "DEBUG and CAMP_HTTPS are both on.",
                hint="DEBUG shows settings and code to whoever meets an error. Set DEBUG=off.",
                id="camp.E005",
            )
        )
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        found.append(
            Warning(
                "ALLOWED_HOSTS lets any name through.",
                hint="A forged Host header then decides where the links of password letters "
                "lead. Set ALLOWED_HOSTS to the names that people use.",
                id="camp.W001",
            )
        )
    insecure = [each for each in settings.CSRF_TRUSTED_ORIGINS if each.startswith("http://")]
    if settings.CAMP_HTTPS and insecure:
        found.append(
            Warning(
                "CSRF_TRUSTED_ORIGINS trusts pages that come over plain http.",
                hint="Anybody on the way can forge those. Write https:// there.",
                id="camp.W002",
            )
        )
    return found


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))


def _is_writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, or the folder itself can be made."""
    nearest = _existing(folder)
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
