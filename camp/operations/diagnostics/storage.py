"""Can files be stored: folders, volumes, free space, and the object store."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import error_messages
from camp.operations.console import format_size
from camp.storage.object_store import OTHER, object_store
from camp.web.findings import ERROR, Finding, error, ok, warning

if TYPE_CHECKING:
    from camp.storage.s3 import ObjectStore

MIN_FREE_PERCENT = 10
TEST_OBJECT = ".trial-"


def check_storage() -> Iterator[Finding]:
    """Yield the state of the folders, the free space and the object store."""
    found = [*check_configuration(), *check_object_store()]
    yield from found
    if not any(finding.level == ERROR for finding in found):
        yield check_writing(settings.LOCAL_STORAGE_PATH)
        yield check_free_space(settings.LOCAL_STORAGE_PATH)


def check_configuration() -> Iterator[Finding]:
    """Yield what is wrong with the configured folders; writes nothing and asks no server."""
    for number, name in enumerate(["CAMP_DATA_DIR", "LOCAL_STORAGE_PATH"], start=1):
        folder = getattr(settings, name)
        if not is_writable(folder):
            values = {"name": name, "folder": folder}
            detail = _(
                "Give the user that runs Camp the right to write there, or set %(name)s to "
                "another folder."
            )
            yield error(
                "storage.data" if number == 1 else "storage.files",
                _("%(name)s cannot be written: %(folder)s") % values,
                detail % values,
                error_messages.own_folder_command(folder),
                check=f"camp.E00{number}",
            )
    staging, storage = settings.UPLOAD_STAGING, settings.LOCAL_STORAGE_PATH
    if find_existing(staging).stat().st_dev != find_existing(storage).stat().st_dev:
        yield error(
            "storage.staging",
            _("UPLOAD_STAGING and LOCAL_STORAGE_PATH are on different volumes"),
            _(
                "A complete upload is renamed from one to the other, which only works within a "
                "volume. Keep the staging folder inside LOCAL_STORAGE_PATH, and mount nothing "
                "on it."
            ),
            f"umount {shell.quote(staging)}" if os.name != "nt" else "",
            check="camp.E003",
        )
    files, static = storage.resolve(), Path(settings.STATIC_ROOT).resolve()
    if files.is_relative_to(static) or static.is_relative_to(files):
        yield error(
            "storage.exposed",
            _("LOCAL_STORAGE_PATH and the folder of the static files lie inside each other"),
            _(
                "Static files are public. Set LOCAL_STORAGE_PATH to a folder outside of "
                "CAMP_DATA_DIR/static."
            ),
            f"LOCAL_STORAGE_PATH={shell.quote(settings.CAMP_DATA_DIR / 'files')}",
            check="camp.E004",
        )
    if settings.X_ACCEL_REDIRECT and object_store():
        yield warning(
            "storage.accel",
            _("X_ACCEL_REDIRECT has no effect with S3_BUCKET: nginx has no folder to send from"),
            _("Remove it. S3_PRESIGNED_DOWNLOADS has the object store send the files."),
            "X_ACCEL_REDIRECT=",
            check="camp.W004",
        )


def check_writing(folder: Path) -> Finding:
    """Return whether a file can be written to a folder and synced."""
    try:
        with tempfile.TemporaryFile(dir=find_existing(folder)) as file:
            file.write(b"camp")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        title = _("No file can be written to %(folder)s (%(why)s)")
        values = {"folder": folder, "why": problem.strerror}
        return error("storage.files", title % values, fix=error_messages.own_folder_command(folder))
    return ok("storage.files", _("Files can be written to %(folder)s") % {"folder": folder})


def check_free_space(folder: Path) -> Finding:
    """Return whether there is enough space for uploads."""
    volume = shutil.disk_usage(find_existing(folder))
    share = volume.free * 100 / max(volume.total, 1)
    title = _("%(free)s are left for files (%(share)s %%)")
    title %= {"free": format_size(volume.free), "share": f"{share:.0f}"}
    if volume.free < settings.MAX_UPLOAD_SIZE:
        detail = _("One upload may be %(largest)s: make room, or set a smaller MAX_UPLOAD_SIZE.")
        detail %= {"largest": format_size(settings.MAX_UPLOAD_SIZE)}
        return warning("storage.room", title, detail, shell.manage("sweep"))
    if share < MIN_FREE_PERCENT:
        return warning("storage.room", title, _("Make room."), shell.manage("sweep"))
    return ok("storage.room", title)


def check_object_store() -> Iterator[Finding]:
    """Yield whether an object can be written, listed and removed; leaves nothing behind."""
    store = object_store()
    if not store:
        return
    name = f"{TEST_OBJECT}{secrets.token_hex(8)}"
    values = {"bucket": store.bucket_name}
    try:
        store.put_bytes(name, b"")
        listed = [each for each, _size, _modified in store.listed(name)]
        store.delete(name)
    except OSError as problem:
        yield explain_store_error(store, problem)
        return
    if listed == [name]:
        yield ok("storage.bucket", _("Files can be written to the bucket %(bucket)s") % values)
    else:
        title = _("The bucket %(bucket)s does not list an object that was just written")
        yield error("storage.bucket", title % values)


def explain_store_error(store: "ObjectStore", problem: OSError) -> Finding:
    """Return the Finding for an error of the object store."""
    from camp.storage import s3  # only with an object store: boto3 is large

    values = {"bucket": store.bucket_name, "why": problem.strerror}
    values["address"] = store.endpoint_url or "AWS"
    create_bucket = f"aws s3 mb s3://{store.bucket_name}"
    if store.endpoint_url:
        create_bucket += f" --endpoint-url {shell.quote(store.endpoint_url)}"
    explanations = {
        s3.UNREACHABLE: (
            _("The object store at %(address)s does not answer (%(why)s)"),
            _("Is S3_ENDPOINT_URL right, and does the server run?"),
            "S3_ENDPOINT_URL=…",
        ),
        s3.CREDENTIALS: (
            _("The object store at %(address)s rejects the credentials (%(why)s)"),
            _("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be a pair that is valid there."),
            "S3_ACCESS_KEY_ID=… S3_SECRET_ACCESS_KEY=…",
        ),
        s3.NO_BUCKET: (
            _("There is no bucket %(bucket)s at %(address)s"),
            _("Make it, or correct S3_BUCKET or S3_REGION."),
            create_bucket,
        ),
        s3.DENIED: (
            _("Camp lacks permissions in the bucket %(bucket)s (%(why)s)"),
            _(
                "It needs the rights s3:ListBucket, s3:ListBucketMultipartUploads, "
                "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload."
            ),
            "",
        ),
        OTHER: (_("No file can be written to the bucket %(bucket)s (%(why)s)"), "", ""),
    }
    title, detail, fix = explanations[getattr(problem, "why", OTHER)]
    return error("storage.bucket", title % values, detail, fix)


def find_existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))


def is_writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, or the folder itself can be made."""
    nearest = find_existing(folder)
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
