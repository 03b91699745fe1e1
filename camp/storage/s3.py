"""Files in an S3-compatible object store, through django-storages.

Unlike django-storages, objects are read by ranges on demand and never copied to the disk first,
all threads share one client, since each takes megabytes, and every failure is an OSError, as
with a disk.
"""

import base64
import contextlib
import errno
import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import S3Transfer, TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as NoConnection
from django.core.files import File
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from camp.storage.object_store import OTHER, StoreError

# Larger files are uploaded in parts of this size, in bytes.
PART_SIZE = 16 * 2**20
# Parts at once, of all files together: each has a thread and buffers.
PARTS_AT_ONCE = 6
BLOCK = 256 * 2**10  # bytes
MAX_KEY_LENGTH = 1024  # bytes
RETRIES = 2  # of a read, from the last byte received
# Reasons of a failure, besides OTHER
UNREACHABLE, CREDENTIALS, NO_BUCKET, DENIED = "unreachable", "credentials", "bucket", "denied"
CODES = {
    "NoSuchBucket": NO_BUCKET,
    "InvalidAccessKeyId": CREDENTIALS,
    "SignatureDoesNotMatch": CREDENTIALS,
    "InvalidToken": CREDENTIALS,
    "ExpiredToken": CREDENTIALS,
    "RequestTimeTooSkewed": CREDENTIALS,
    "AccessDenied": DENIED,
    "403": DENIED,
}
NOT_FOUND = {"NoSuchKey", "404", "NotFound"}

# Shared by all threads, by their settings; a forked process makes its own, as two processes
# would read each other's answers.
connections: dict[tuple, Any] = {}
transfers: dict[Any, S3Transfer] = {}
lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=connections.clear)
    os.register_at_fork(after_in_child=transfers.clear)


class ObjectStore(S3Storage):
    """A prefix in a bucket, used like a folder."""

    is_remote = True

    def get_default_settings(self) -> dict[str, Any]:
        """Add Camp's own settings."""
        own = {
            "public_endpoint_url": None,
            "transfer_config": TransferConfig(
                multipart_threshold=PART_SIZE,
                multipart_chunksize=PART_SIZE,
                max_concurrency=PARTS_AT_ONCE,
            ),
        }
        return super().get_default_settings() | own

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.client_config = Config(
            signature_version="s3v4",
            connect_timeout=3,  # seconds
            read_timeout=20,
            retries={"total_max_attempts": 3, "mode": "standard"},
            max_pool_connections=64,
            s3={"addressing_style": self.addressing_style},
            # Not every server supports the newer checksums; see `add_md5`.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    def __str__(self) -> str:
        return f"s3://{self.bucket_name}/{self.location}"

    @property
    def connection(self) -> Any:
        """The connection that all threads share; only its client is used."""
        wanted = (
            *(self.endpoint_url, self.region_name, self.addressing_style),
            *(self.access_key, self.secret_key, self.security_token),
        )
        with lock:
            if wanted not in connections:
                connections[wanted] = made = S3Storage.connection.fget(self)
                for call in ("PutObject", "UploadPart"):
                    made.meta.client.meta.events.register(f"before-call.s3.{call}", add_md5)
            return connections[wanted]

    @property
    def client(self) -> Any:
        """The boto3 client."""
        with as_os_errors():
            return self.connection.meta.client

    @property
    def transfer(self) -> S3Transfer:
        """The multipart uploader that all threads share."""
        client = self.client
        with lock:
            if client not in transfers:
                transfers[client] = S3Transfer(client, self.transfer_config)
            return transfers[client]

    def key(self, name: str) -> str:
        """Return the key of a name; raises FileNotFoundError for an impossible one."""
        key = self._normalize_name(name)
        if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_LENGTH or not key.isprintable():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return key

    def target(self, name: str) -> dict[str, str]:
        """Return the parameters that identify an object."""
        return {"Bucket": self.bucket_name, "Key": self.key(name)}

    def head(self, name: str) -> dict[str, Any]:
        """Return the metadata of an object; raises FileNotFoundError, StoreError."""
        with as_os_errors(name):
            return self.client.head_object(**self.target(name))

    def exists(self, name: str) -> bool:
        """Return whether an object exists; raises StoreError if that is unknown."""
        try:
            self.head(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        """Return the size of an object in bytes; raises FileNotFoundError, StoreError."""
        return self.head(name)["ContentLength"]

    def delete(self, name: str) -> None:
        """Delete an object, if it exists; raises StoreError."""
        with contextlib.suppress(FileNotFoundError), as_os_errors(name):
            self.client.delete_object(**self.target(name))

    def put(
        self,
        name: str,
        source: Path | str,
        *,
        sha256: str = "",
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Upload the file at the path `source`, in parts if it is large; raises OSError.

        `progress(bytes)` is called in other threads. A failure leaves nothing behind.
        """
        size = os.stat(source).st_size
        about = {"ContentType": self.default_content_type, "Metadata": {"sha256": sha256}}
        target = self.target(name)
        with as_os_errors(name):
            if size < PART_SIZE:
                with open(source, "rb") as stream:
                    self.client.put_object(**target, **about, Body=stream)
                return
            self.transfer.upload_file(str(source), *target.values(), progress, about)
        if (kept := self.size(name)) != size:
            self.delete(name)
            raise StoreError(f"{kept} bytes of {size} were kept")

    def put_bytes(self, name: str, content: bytes) -> None:
        """Upload a few bytes; raises StoreError."""
        with as_os_errors(name):
            self.client.put_object(**self.target(name), Body=content)

    def copy(self, name: str, target: str) -> None:
        """Copy an object within the store; raises FileNotFoundError, StoreError."""
        with as_os_errors(name):
            self.client.copy(self.target(name), *self.target(target).values())

    def listed(self, below: str = "") -> Iterator[tuple[str, int, datetime]]:
        """Yield (name, size, time of the last change) for all objects; raises StoreError."""
        root = f"{self.location}/" if self.location else ""
        pages = self.client.get_paginator("list_objects_v2")
        with as_os_errors():
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=f"{root}{below}"):
                for entry in page.get("Contents", ()):
                    name = entry["Key"].removeprefix(root)
                    yield name, entry["Size"], entry["LastModified"]

    def stop_uploads(self, before: datetime) -> int:
        """Abort multipart uploads that began before a time; returns how many."""
        count, root = 0, f"{self.location}/" if self.location else ""
        pages = self.client.get_paginator("list_multipart_uploads")
        with as_os_errors():
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=root):
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"] < before:
                        which = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                        self.client.abort_multipart_upload(Bucket=self.bucket_name, **which)
                        count += 1
        return count

    def address(self, name: str, *, seconds: int, disposition: str, content_type: str) -> str:
        """Return a presigned URL of an object, valid for some seconds."""
        headers = {
            "ResponseContentDisposition": disposition,
            "ResponseContentType": content_type,
            "ResponseCacheControl": "private, no-store",
        }
        with as_os_errors(name):
            return self.public.url(name, headers, expire=seconds)

    @property
    def public(self) -> "ObjectStore":
        """The same store at the address for browsers."""
        if self.public_endpoint_url in (None, self.endpoint_url):
            return self
        names = [
            *("bucket_name", "location", "region_name", "addressing_style"),
            *("access_key", "secret_key", "security_token"),
        ]
        options = {name: getattr(self, name) for name in names}
        return type(self)(**options, endpoint_url=self.public_endpoint_url)

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("Objects are only read this way.")
        return File(ObjectReader(self, name, self.size(name)), name)


class ObjectReader(io.RawIOBase):
    """An object, read by ranges on demand.

    `read` returns as many bytes as asked for, except at the end. `until` may be set to the
    position at which reading will stop, so that the store sends no more.
    """

    def __init__(self, store: ObjectStore, name: str, size: int) -> None:
        self._store, self._name = store, name
        self.size = self.until = size
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = (0, self._position, self.size)[whence]
        if start + offset != self._position:
            self._drop()
            self._position = start + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return the next `size` bytes, or all that are left; raises OSError."""
        left = max(0, self.size - self._position)
        left = left if size is None or size < 0 else min(left, size)
        blocks = []
        while left:
            block = self._next(left)
            left -= len(block)
            blocks.append(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def readinto(self, buffer: Any) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._drop()
        super().close()

    def _next(self, most: int) -> bytes:
        """Return some bytes; a lost connection is retried from the same position."""
        for attempt in range(RETRIES + 1):
            try:
                with as_os_errors(self._name):
                    if self._body is None:
                        self._body = self._ask(self._position + most)
                    block = self._body.read(most)
            except StoreError:
                self._drop()
                if attempt == RETRIES:
                    raise
                continue
            if block:
                self._position += len(block)
                return block
            self._drop()  # the end of the requested range
        raise StoreError("fewer bytes came than the object has")

    def _ask(self, least: int) -> Any:
        last = max(self.until, least) - 1
        target = self._store.target(self._name)
        whole = self._position == 0 and last == self.size - 1
        wanted = {} if whole else {"Range": f"bytes={self._position}-{last}"}
        return self._store.client.get_object(**target, **wanted)["Body"]

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()


def add_md5(params: dict[str, Any], **kwargs: Any) -> None:
    """Add the MD5 of the request body: every server refuses other bytes."""
    body, found = params["body"], hashlib.md5(usedforsecurity=False)
    if isinstance(body, bytes):
        found.update(body)
    else:
        start = body.tell()
        while block := body.read(BLOCK):
            found.update(block)
        body.seek(start)
    params["headers"]["Content-MD5"] = base64.b64encode(found.digest()).decode("ascii")


@contextlib.contextmanager
def as_os_errors(name: str = "") -> Iterator[None]:
    """Raise FileNotFoundError for a missing object, StoreError for other failures."""
    try:
        yield
    except ClientError as error:
        raise error_from_response(error, name) from error
    except Boto3Error as error:
        if isinstance(error.__context__, ClientError):
            raise error_from_response(error.__context__, name) from error
        raise StoreError(describe(error)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StoreError(describe(error), CREDENTIALS) from error
    except (NoConnection, HTTPClientError, HTTPError) as error:
        raise StoreError(describe(error), UNREACHABLE) from error
    except BotoCoreError as error:
        raise StoreError(describe(error)) from error


def error_from_response(error: ClientError, name: str) -> OSError:
    """Return the OSError for an error response."""
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    if code in NOT_FOUND and name:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return StoreError(f"{code}: {details.get('Message', '')}".strip(": "), CODES.get(code, OTHER))


def describe(error: Exception) -> str:
    """Return the message of an error without the query of its URL, which holds a signature."""
    return str(error).partition("?")[0].splitlines()[0] if str(error) else type(error).__name__
