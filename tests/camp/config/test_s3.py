"""The settings of an object store: all right, or one sentence."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from camp.config import s3
from camp.config.env import Environment


def read(**variables):
    class Given(Environment):
        ENVIRON = variables

    return Given()


KEYS = {"S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "hunter2"}


def options(**variables):
    return s3.storage(read(S3_BUCKET="camp-files", **variables))["OPTIONS"]


def test_without_a_bucket_files_lie_in_a_folder():
    assert s3.storage(read()) is None
    assert s3.storage(read(S3_REGION="eu-west-1", S3_PRESIGNED_DOWNLOADS="off")) is None


def test_aws_needs_the_bucket_alone():
    found = options()
    assert (found["bucket_name"], found["location"]) == ("camp-files", "")
    assert (found["endpoint_url"], found["region_name"]) == (None, None)
    assert found["addressing_style"] == "virtual"
    assert "access_key" not in found


def test_another_server():
    found = options(S3_ENDPOINT_URL="http://127.0.0.1:9000/", S3_PREFIX="/a/b/", **KEYS)
    assert found["endpoint_url"] == found["public_endpoint_url"] == "http://127.0.0.1:9000"
    assert (found["location"], found["addressing_style"]) == ("a/b", "path")
    assert (found["access_key"], found["secret_key"]) == ("key", "hunter2")
    assert found["region_name"] == "us-east-1"


def test_the_secret_may_come_from_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    found = options(S3_ACCESS_KEY_ID="key", S3_SECRET_ACCESS_KEY_FILE=str(file))
    assert found["secret_key"] == "from a file"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("S3_BUCKET", "s3://camp", "name of a bucket alone"),
        ("S3_BUCKET", "x", "name of a bucket alone"),
        ("S3_ENDPOINT_URL", "minio:9000", "address of the server alone"),
        ("S3_ENDPOINT_URL", "https://minio/camp", "address of the server alone"),
        ("S3_ENDPOINT_URL", "https://key:hunter2@minio", "address of the server alone"),
        ("S3_PUBLIC_ENDPOINT_URL", "https://minio:x", "address of the server alone"),
        ("S3_PREFIX", "../camp", "plain folder name"),
        ("S3_ADDRESSING", "paths", "path, virtual"),
        ("S3_ACCESS_KEY_ID", "key", "S3_SECRET_ACCESS_KEY is not: set both"),
        ("S3_SECRET_ACCESS_KEY", "hunter2", "S3_ACCESS_KEY_ID is not: set both"),
        ("S3_SECRET_ACCESS_KEY_FILE", "/x", "S3_ACCESS_KEY_ID is not: set both"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(name, value, words):
    with pytest.raises(ImproperlyConfigured, match=words) as refused:
        s3.storage(read(**{"S3_BUCKET": "camp-files", name: value}))
    assert name.removesuffix("_FILE") in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", s3.OTHERS)
def test_what_needs_a_bucket_says_so(name):
    with pytest.raises(ImproperlyConfigured, match=f"{name} is set, but S3_BUCKET is not"):
        s3.storage(read(**{name: "on"}))


@pytest.mark.parametrize(
    ("value", "seconds"), [("", 0), ("off", 0), ("on", 60), ("90s", 90), ("5m", 300), ("1h", 3600)]
)
def test_for_how_long_an_address_is_good(value, seconds):
    assert s3.presigned(read(S3_PRESIGNED_DOWNLOADS=value)) == seconds


@pytest.mark.parametrize("value", ["2h", "soon", "0s"])
def test_not_for_too_long(value):
    with pytest.raises(ImproperlyConfigured, match="S3_PRESIGNED_DOWNLOADS must be"):
        s3.presigned(read(S3_PRESIGNED_DOWNLOADS=value))
