"""A local S3-compatible server for the tests of storage: SeaweedFS, from its wheel.

It listens on 127.0.0.1 only, with random keys, in a temporary folder that goes with it.
`TEST_S3_URL` names another one: http://key:secret@127.0.0.1:9000/bucket.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import sysconfig
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from camp.storage.s3 import ObjectStore
from tests.servers import NotAvailable, free_port, temporary_folder

PATIENCE = 30  # seconds
# Its services each want two ports.
PORTS = [f"{name}.port{kind}" for name in ("master", "volume", "filer", "s3", "admin")
         for kind in ("", ".grpc")]  # fmt: skip
OFF = ("s3.iam", "webdav", "admin.ui", "master.telemetry")


class AgeingStore(ObjectStore):
    """An ObjectStore in which objects can be older than they are: see `ages`, in seconds."""

    ages = {}

    def listed(self, below=""):
        """Yield what there is, as old as the test wants it."""
        for name, size, modified in super().listed(below):
            yield name, size, modified - timedelta(seconds=self.ages.get(name, 0))


@contextlib.contextmanager
def running():
    """Start a server, unless TEST_S3_URL names one; yields the options of an ObjectStore."""
    if url := os.environ.get("TEST_S3_URL"):
        yield options_of(url)
        return
    binary = Path(sysconfig.get_path("scripts"), "weed.exe" if os.name == "nt" else "weed")
    if not binary.exists():
        raise NotAvailable(f"There is no {binary.name} for {sys.platform}: set TEST_S3_URL.")
    with contextlib.ExitStack() as stack:
        yield started(binary, stack)


def options_of(url):
    """Return the options for a URL such as http://key:secret@127.0.0.1:9000/bucket."""
    parts = urlsplit(url)
    return {
        "endpoint_url": f"{parts.scheme}://{parts.hostname}:{parts.port}",
        "bucket_name": parts.path.strip("/") or "camp",
        "access_key": parts.username,
        "secret_key": parts.password,
        "security_token": None,
        "region_name": "us-east-1",
        "addressing_style": "path",
    }


def started(binary, stack):
    """Start SeaweedFS; `stack` gets what stops it. Returns the options."""
    folder = temporary_folder(stack)
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    allowed = [{"accessKey": key, "secretKey": secret}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    people = {"identities": [{"name": "camp", "credentials": allowed, "actions": actions}]}
    (folder / "keys.json").touch(mode=0o600)
    (folder / "keys.json").write_text(json.dumps(people))
    ports = {name: free_port() for name in PORTS}
    arguments = dict.fromkeys(OFF, "false") | ports
    arguments |= {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1"}
    arguments |= {"s3.config": folder / "keys.json", "s3.port.iceberg": 0, "s3.port.lance": 0}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [binary, "mini", *(f"-{name}={value}" for name, value in arguments.items())],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stack.callback(remove_sockets, ports.values())
    stack.callback(process.wait)
    stack.callback(process.kill)  # nothing of it is wanted any more
    options = options_of(f"http://{key}:{secret}@127.0.0.1:{ports['s3.port']}/camp")
    wait_for(ObjectStore(**options), process, folder / "log")
    return options


def wait_for(store, process, log):
    """Make the bucket, as soon as the server does that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            store.client.create_bucket(Bucket=store.bucket_name)
            store.client.put_object(Bucket=store.bucket_name, Key="ready", Body=b"")
            return
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(errors="replace").strip().splitlines()
                raise NotAvailable(f"SeaweedFS: {words[-1] if words else error}") from None
        time.sleep(0.05)


def remove_sockets(ports):
    """Remove what SeaweedFS leaves in /tmp, wherever it was told to work."""
    for port in ports:
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            socket.unlink(missing_ok=True)
