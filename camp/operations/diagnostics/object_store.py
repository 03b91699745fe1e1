"""Does the object store answer, and does it let Camp keep files?"""

import secrets

from django.conf import settings
from django.utils.translation import gettext as _

from camp.config import shell
from camp.storage.object_store import OTHER, object_store
from camp.web.findings import error, ok, warning

TRIAL = ".trial-"


def look():
    """Yield what is found of the object store, if there is one."""
    if store := object_store():
        yield reached(store)


def reached(store):
    """Return whether an object can be written, listed and removed; leaves nothing behind."""
    name = f"{TRIAL}{secrets.token_hex(8)}"
    try:
        store.put_bytes(name, b"")
        listed = [each for each, _size, _modified in store.listed(name)]
        store.delete(name)
    except OSError as problem:
        return fault(store, problem)
    if listed != [name]:
        title = _("The bucket %(bucket)s does not list what was just kept")
        return error("storage.bucket", title % {"bucket": store.bucket_name})
    title = _("The bucket %(bucket)s takes files")
    return ok("storage.bucket", title % {"bucket": store.bucket_name})


def fault(store, problem):
    """Return what is the matter with the store, and what mends that."""
    from camp.storage import s3 as kinds  # not where there is none: boto3 is large

    values = {"bucket": store.bucket_name, "why": problem.strerror}
    values["address"] = store.endpoint_url or "AWS"
    bucket = f"aws s3 mb s3://{store.bucket_name}"
    if store.endpoint_url:
        bucket += f" --endpoint-url {shell.quoted(store.endpoint_url)}"
    told_by = {
        kinds.UNREACHABLE: (
            _("The object store at %(address)s gives no answer (%(why)s)"),
            _("Is S3_ENDPOINT_URL right, and does the server run?"),
            "S3_ENDPOINT_URL=…",
        ),
        kinds.CREDENTIALS: (
            _("The object store at %(address)s does not know who Camp is (%(why)s)"),
            _("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be a pair that is valid there."),
            "S3_ACCESS_KEY_ID=… S3_SECRET_ACCESS_KEY=…",
        ),
        kinds.NO_BUCKET: (
            _("There is no bucket %(bucket)s at %(address)s"),
            _("Make it, or correct S3_BUCKET or S3_REGION."),
            bucket,
        ),
        kinds.DENIED: (
            _("Camp may not do in the bucket %(bucket)s what it must (%(why)s)"),
            _(
                "It needs the rights s3:ListBucket, s3:ListBucketMultipartUploads, "
                "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload."
            ),
            "",
        ),
        OTHER: (_("The bucket %(bucket)s takes no file (%(why)s)"), "", ""),
    }
    title, detail, fix = told_by[getattr(problem, "why", OTHER)]
    return error("storage.bucket", title % values, detail, fix)


def contradictions():
    """Yield settings that do not go together. Asks no server."""
    if settings.X_ACCEL_REDIRECT and object_store():
        yield warning(
            "storage.accel",
            _("X_ACCEL_REDIRECT has no effect with S3_BUCKET: nginx has no folder to send from"),
            _("Remove it. S3_PRESIGNED_DOWNLOADS has the object store send the files."),
            "X_ACCEL_REDIRECT=",
            check="camp.W004",
        )
