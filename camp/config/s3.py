"""The settings of an object store; without S3_BUCKET, files are kept in a folder."""

import re
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

from camp.config.env import FALSE, TRUE
from camp.config.urls import read_site

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
# Variables that have no effect without a bucket.
OTHERS = ("S3_ENDPOINT_URL", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_PRESIGNED_DOWNLOADS")
# Lifetime of a presigned URL: if only "on" is said, and at most.
DEFAULT_LIFETIME, LONGEST_LIFETIME = timedelta(seconds=60), timedelta(hours=1)


def storage(env):
    """Return the entry of Django's STORAGES for an object store, or None without one.

    Raises ImproperlyConfigured.
    """
    bucket = env.text("S3_BUCKET").strip()
    if not bucket:
        for name in OTHERS:
            if env.text(name).strip().lower() not in FALSE:
                raise ImproperlyConfigured(
                    f"{name} is set, but S3_BUCKET is not: name the bucket, or remove {name}."
                )
        return None
    if not BUCKET.fullmatch(bucket):
        raise ImproperlyConfigured(
            "S3_BUCKET must be the name of a bucket alone, such as camp-files: the address of "
            "the server is S3_ENDPOINT_URL, a folder in the bucket is S3_PREFIX."
        )
    endpoint = address(env, "S3_ENDPOINT_URL")
    style = env.choice("S3_ADDRESSING", "path" if endpoint else "virtual", ["path", "virtual"])
    options = {
        "bucket_name": bucket,
        "location": prefix(env),
        "endpoint_url": endpoint,
        "public_endpoint_url": address(env, "S3_PUBLIC_ENDPOINT_URL") or endpoint,
        "region_name": env.text("S3_REGION").strip() or ("us-east-1" if endpoint else None),
        "addressing_style": style,
    }
    return {"BACKEND": "camp.storage.s3.ObjectStore", "OPTIONS": options | credentials(env)}


def address(env, name):
    """Return the URL of a server without a trailing slash, or None."""
    expected = "the address of the server alone, such as https://minio.example.org:9000"
    return read_site(env, name, expected) or None


def prefix(env):
    """Return the prefix of all object keys, without slashes around it."""
    value = env.text("S3_PREFIX").strip().strip("/")
    if value and not PREFIX.fullmatch(value):
        raise ImproperlyConfigured("S3_PREFIX must be a plain folder name, such as camp or a/b.")
    return value


def credentials(env):
    """Return the credentials; without any, boto3 looks for them itself."""
    key, named = env.text("S3_ACCESS_KEY_ID").strip(), ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"]
    given = env.text("S3_SECRET_ACCESS_KEY") or env.text("S3_SECRET_ACCESS_KEY_FILE")
    if bool(key) != bool(given.strip()):
        there, lacking = named if key else reversed(named)
        raise ImproperlyConfigured(
            f"{there} is set, but {lacking} is not: set both, or neither for the role of the "
            "machine or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if not key:
        return {}
    secret = env.secret("S3_SECRET_ACCESS_KEY")
    return {"access_key": key, "secret_key": secret, "security_token": None}


def presigned(env):
    """Return the lifetime of presigned URLs in seconds; 0: Camp sends the bytes itself."""
    value = env.text("S3_PRESIGNED_DOWNLOADS").strip().lower()
    if value in FALSE:
        return 0
    time = (
        DEFAULT_LIFETIME
        if value in TRUE
        else env.duration("S3_PRESIGNED_DOWNLOADS", DEFAULT_LIFETIME)
    )
    if not timedelta(seconds=1) <= time <= LONGEST_LIFETIME:
        raise ImproperlyConfigured(
            "S3_PRESIGNED_DOWNLOADS must be off, on, or a time from 1s to 1h such as 60s."
        )
    return int(time.total_seconds())
