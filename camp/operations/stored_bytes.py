"""Rows that name stored bytes, and their checksums: for `doctor --files` and `restore`."""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.db.models import F, Sum, Value

from camp.operations.console import Progress
from files.models import File, Version
from files.storage import backend

BATCH = 500  # rows
BLOCK = 2**20  # bytes


def querysets_with_bytes() -> list[Any]:
    """Return the querysets of files and of their earlier versions.

    Each row has the file's id as `of`, and whether it is a `version`.
    """
    files = File.objects.annotate(of=F("pk"), version=Value(False))
    versions = Version.objects.order_by().annotate(
        user_id=F("file__user_id"), of=F("file_id"), version=Value(True)
    )
    return [files, versions]


def with_checksum(rows: Any) -> Any:
    """Return the rows whose checksum is known."""
    return rows.exclude(sha256="")


def sum_sizes(rows: Any) -> int:
    """Return the sum of the sizes that rows name (bytes)."""
    return rows.aggregate(sum=Sum("size"))["sum"] or 0


def iterate_batches(rows: Any, *fields: str) -> Iterator[list[Any]]:
    """Yield lists of named tuples with `pk` and fields, in the order of the key.

    Nothing stays locked and memory stays constant, however many rows there are.
    """
    last = None
    while True:
        rest = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        batch = list(rest.values_list("pk", *fields, named=True)[:BATCH])
        if batch:
            yield batch
        if len(batch) < BATCH:
            return
        last = batch[-1].pk


def hash_stored_file(path: str, progress: Progress) -> tuple[int, str]:
    """Return the size and the SHA-256 of the bytes at a storage path; raises OSError."""
    size, checksum = 0, hashlib.sha256()
    with backend.open(path) as stream:
        while block := stream.read(BLOCK):
            checksum.update(block)
            size += len(block)
            progress.add(len(block))
    return size, checksum.hexdigest()
