"""What `doctor` tells of an object store: well, or why not."""

import pytest
from django.core.files.storage import storages

from camp.operations.diagnostics import checks, storage
from camp.web.findings import ERROR, OK
from tests.servers import free_port

pytestmark = pytest.mark.sqlite  # no database matters to it: once is enough


@pytest.fixture
def other(settings, object_store):
    """A function that changes options of the store."""

    def change(**options):
        default = settings.STORAGES["default"]
        options = default["OPTIONS"] | options
        settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": options}}

    return change


def told():
    [finding] = storage.check_object_store()
    return finding


def test_a_folder_needs_none():
    assert list(storage.check_object_store()) == []
    assert checks.check_storage() == []


@pytest.mark.usefixtures("object_store")
def test_one_that_takes_files_keeps_nothing_of_the_trial():
    assert told().level == OK
    assert list(storages["default"].listed()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret_key": "wrong"}, "rejects the credentials"),
        ({"access_key": "nobody"}, "rejects the credentials"),
        ({"bucket_name": "nowhere", "access_key": "reader"}, "rejects the credentials"),
    ],
)
def test_keys_that_are_wrong(other, options, words):
    other(**options)
    assert words in told().title
    assert told().level == ERROR
    assert "S3_ACCESS_KEY_ID" in told().fix


def test_a_bucket_that_is_not_there(other, monkeypatch):
    other(bucket_name="nowhere")
    store = storages["default"]
    monkeypatch.setattr(store.client, "put_object", missing(store))
    assert told().title.startswith("There is no bucket nowhere at http://127.0.0.1")
    assert told().fix.startswith("aws s3 mb s3://nowhere --endpoint-url http://127.0.0.1")


def missing(store):
    """Return a `put_object` that answers as AWS does; SeaweedFS makes the bucket for one."""
    return lambda **given: store.client.list_objects_v2(Bucket=given["Bucket"])


def test_a_server_that_does_not_answer(other):
    other(endpoint_url=f"http://127.0.0.1:{free_port()}")
    assert "does not answer" in told().title
    assert "S3_ENDPOINT_URL" in told().detail


def test_nginx_cannot_send_what_it_has_not(settings, object_store):
    settings.X_ACCEL_REDIRECT = "/protected/"
    [message] = checks.check_storage()
    assert message.id == "camp.W004"
    assert "X_ACCEL_REDIRECT" in message.msg
