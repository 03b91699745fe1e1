"""The number of a request and its line in the log, seen from the outside."""

import io
import json
import logging
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django.test import Client

from camp.web.logging import JsonFormatter, LineFormatter

pytestmark = pytest.mark.urls("tests.camp.web.failing_urls")


class Log:
    """What the log holds, once as lines and once as JSON."""

    def __init__(self):
        self.lines, self.json = io.StringIO(), io.StringIO()

    @property
    def text(self):
        return self.lines.getvalue() + self.json.getvalue()

    @property
    def access(self):
        """Return the entries of the access log."""
        entries = [json.loads(line) for line in self.json.getvalue().splitlines()]
        return [entry for entry in entries if entry["logger"] == "camp.access"]


@pytest.fixture
def log():
    """Everything that is logged during a test."""
    found = Log()
    handlers = [logging.StreamHandler(found.lines), logging.StreamHandler(found.json)]
    for handler, formatter in zip(handlers, (LineFormatter(), JsonFormatter()), strict=True):
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
    yield found
    for handler in handlers:
        logging.getLogger().removeHandler(handler)


@pytest.fixture
def visitor():
    """A browser; an error in a view is an answer to it, not a failure of the test."""
    return Client(raise_request_exception=False)


class TestNumber:
    def test_each_request_gets_one(self, client):
        numbers = {client.get("/talk/").headers["X-Request-ID"] for _ in range(3)}
        assert len(numbers) == 3

    @pytest.mark.parametrize("given", ["abc-123", "A.b_c", "x" * 64])
    def test_that_of_a_proxy_is_kept(self, client, given):
        response = client.get("/talk/", headers={"x-request-id": given})
        assert response.headers["X-Request-ID"] == given

    @pytest.mark.parametrize("given", ["", "x" * 65, "a b", "bob@example.org", "a\tb", "ä"])
    def test_nonsense_is_replaced(self, client, given):
        response = client.get("/talk/", headers={"x-request-id": given})
        assert response.headers["X-Request-ID"] != given
        assert response.headers["X-Request-ID"].isalnum()

    def test_every_line_of_the_request_has_it(self, client, log):
        number = client.get("/talk/").headers["X-Request-ID"]
        lines = log.lines.getvalue().splitlines()
        assert len(lines) == 2
        assert all(f"[{number}]" in line for line in lines)

    def test_lines_after_the_request_do_not(self, client, log):
        client.get("/talk/")
        logging.getLogger("tests").warning("Later.")
        assert "[-] Later." in log.lines.getvalue()


class TestAccessLog:
    def test_one_line_says_it_all(self, client, log):
        client.get("/talk/?q=private")
        line = log.lines.getvalue().splitlines()[-1]
        assert " INFO camp.access [" in line
        assert "] GET /talk/ 200 10B " in line
        assert line.endswith("ms user=-")

    def test_json_has_each_part_as_a_field(self, client, log):
        client.get("/talk/?q=private")
        [entry] = log.access
        assert entry["ms"] >= 0
        parts = ("method", "path", "status", "bytes", "user")
        assert [entry[part] for part in parts] == ["GET", "/talk/", 200, 10, None]

    def test_the_query_string_is_left_out(self, visitor, log):
        for path in ("/talk/", "/fail/broken/", "/fail/missing/", "/fail/bad/", "/nowhere/"):
            visitor.get(path, {"q": "private"})
        assert "private" not in log.text

    def test_people_are_numbers(self, client, owner, log):
        client.force_login(owner)
        client.get("/private/")
        assert log.access[-1]["user"] == owner.pk
        assert owner.username not in log.text

    def test_the_line_costs_no_query(self, client, owner, django_assert_num_queries):
        client.force_login(owner)
        client.get("/private/")
        with django_assert_num_queries(0):
            Client().get("/talk/")

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("path", "status"), [("/private/", 302), ("/fail/missing/", 404), ("/fail/bad/", 400)]
    )
    def test_an_answer_below_500_is_one_line(self, visitor, log, path, status):
        visitor.get(path)
        assert len(log.lines.getvalue().splitlines()) == 1
        assert log.access[0]["status"] == status

    def test_odd_paths_stay_on_one_line(self, visitor, log):
        visitor.get("/a%0Ab%20INFO%20forged%1b/東京/")
        assert len(log.lines.getvalue().splitlines()) == 1
        assert " /a%0Ab%20INFO%20forged%1B/%E6%9D%B1%E4%BA%AC/ 404 " in log.lines.getvalue()

    def test_an_odd_method_stays_on_one_line(self, visitor, log):
        visitor.generic("A\nB", "/talk/")
        assert log.access[0]["method"] == "?"

    def test_static_files_and_healthy_probes_are_routine(self, client, log, caplog):
        caplog.set_level(logging.DEBUG, "camp.access")
        client.get("/health/live")
        assert [each.levelname for each in caplog.records] == ["DEBUG"]


class TestStreams:
    def test_a_stream_is_logged_at_its_end(self, client, log):
        response = client.get("/stream/")
        assert log.access == []
        assert b"".join(response.streaming_content) == b"onetwo"
        [entry] = log.access
        assert entry["bytes"] is None
        assert entry["request_id"] == response.headers["X-Request-ID"]

    def test_a_download_says_its_length(self, client, log):
        b"".join(client.get("/download/").streaming_content)
        assert [entry["bytes"] for entry in log.access] == [100]

    @pytest.mark.django_db
    def test_a_download_that_was_broken_off_is_logged_too(self, client, log):
        response = client.get("/stream/")
        next(iter(response.streaming_content))
        response.close()
        assert [entry["path"] for entry in log.access] == ["/stream/"]


class TestSecretsInPaths:
    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("path", "logged"),
        [
            ("/setup/s3cr3t/", "/setup/[hidden]/"),
            ("/setup/s3cr3t", "/setup/[hidden]"),
            ("/setup/s3cr3t/x/", "/setup/[hidden]"),
            ("/accounts/password/reset/s3cr3t/s3cr3t-x/", None),
            ("/accounts/password/reset/s3cr3t/x", None),
            ("/accounts/password/reset/s3cr3t", None),
        ],
    )
    def test_what_opens_a_door_is_hidden(self, visitor, log, path, logged):
        visitor.get(path)
        assert "s3cr3t" not in log.text
        assert len(log.access) == 1
        if logged:
            assert log.access[0]["path"] == logged

    @pytest.mark.parametrize("how", ["broken", "database-away", "forbidden", "missing", "bad"])
    def test_also_where_django_logs_the_path(self, visitor, log, how):
        visitor.get(f"/fail/{how}/s3cr3t/")
        visitor.get(f"/fail/{how}/s3cr3t東/")
        assert "s3cr3t" not in log.text
        assert log.access[0]["path"] == f"/fail/{how}/[hidden]/"

    @pytest.mark.parametrize("path", ["/accounts/password/reset/", "/fail/missing/"])
    @pytest.mark.django_db
    def test_other_paths_are_whole(self, visitor, log, path):
        visitor.get(path)
        assert log.access[0]["path"] == path


class TestErrors:
    def test_a_bug_is_logged_with_its_traceback_and_without_secrets(self, visitor, log):
        visitor.get("/fail/broken/")
        assert "Traceback" in log.text
        assert "ZeroDivisionError" in log.text
        assert "bob@" not in log.text
        assert "hunter2" not in log.text

    def test_a_database_that_is_away_is_one_line_a_request(self, visitor, log):
        visitor.get("/fail/database-away/")
        error, access = log.lines.getvalue().splitlines()
        assert "(connection refused)" in error
        assert " 503 " in access

    def test_a_wrong_host_name_is_one_line_that_helps(self, visitor, log):
        visitor.get("/talk/", headers={"host": "evil.example"})
        error, access = log.lines.getvalue().splitlines()
        assert "ALLOWED_HOSTS" in error
        assert " 400 " in access


def test_a_failed_log_in_leaves_no_name_behind(db, visitor, log):
    typed = {"username": "bob-the-typist", "password": "hunter2"}
    for _ in range(8):
        visitor.post("/accounts/login/", typed)
    assert "bob-the-typist" not in log.text
    assert "hunter2" not in log.text


@pytest.mark.fault
def test_the_real_server_writes_the_same_lines(camp_server):
    url = f"{camp_server.base_url}/setup/s3cr3t/?q=private"
    with pytest.raises(HTTPError) as error:
        urlopen(url)
    number = error.value.headers["X-Request-ID"]
    lines = [line for line in camp_server.output.splitlines() if f"[{number}]" in line]
    assert len(lines) == 1
    assert " INFO camp.access [" in lines[0]
    assert " GET /setup/[hidden]/ 404 " in lines[0]
    assert "private" not in lines[0]
