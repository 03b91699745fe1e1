"""The real server with an object store, by the settings that a person writes."""

import os
import threading
import urllib.request
from http.client import HTTPException

import pytest

from camp.storage.s3 import ObjectStore
from tests.files.wire import Browser, until

pytestmark = [pytest.mark.fault, pytest.mark.sqlite]

LARGE = os.urandom(2**20) * 48  # three parts


@pytest.fixture
def store(s3_server):
    """A store of its own for the server."""
    return ObjectStore(**s3_server, location=f"server-{os.urandom(4).hex()}")


@pytest.fixture
def server(make_camp_server, store):
    """A server that keeps its files there, with the person `owner`."""
    server = make_camp_server(
        S3_BUCKET=store.bucket_name,
        S3_ENDPOINT_URL=store.endpoint_url,
        S3_ACCESS_KEY_ID=store.access_key,
        S3_SECRET_ACCESS_KEY=store.secret_key,
        S3_PREFIX=store.location,
        S3_PRESIGNED_DOWNLOADS="30s",
    ).start()
    server.make_user("owner")
    return server


def rows(server):
    return server.query("SELECT id, storage_path FROM sample_files ORDER BY id")


def names(store):
    return {name for name, _size, _modified in store.listed()}


def test_a_kill_leaves_no_row_without_its_object(server, store):
    browser = Browser(server.base_url, "owner")
    assert browser.upload(("first.bin", LARGE))[0] == 201
    begun = len(store_uploads(store))
    upload = threading.Thread(target=swallow, args=(browser, ("second.bin", LARGE)))
    upload.start()
    until(lambda: len(store_uploads(store)) > begun or len(names(store)) > 1)
    server.kill()
    upload.join()
    server.restart()
    found = rows(server)
    assert {path for _key, path in found} <= names(store)
    browser = Browser(server.base_url, "owner")
    status, headers, _body = browser.request("GET", f"/files/{found[0][0]}/download/")
    assert status == 302
    with urllib.request.urlopen(headers["Location"]) as fetched:
        assert fetched.read() == LARGE
    server.manage("sweep")


def store_uploads(store):
    """Return the uploads in parts that are under way."""
    found = store.client.list_multipart_uploads(Bucket=store.bucket_name, Prefix=store.location)
    return found.get("Uploads", [])


def swallow(browser, file):
    """Upload a file, to a server that may go meanwhile."""
    try:
        browser.upload(file)
    except (OSError, ValueError, HTTPException):
        pass
