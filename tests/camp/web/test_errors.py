"""What people see when something goes wrong."""

import json
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, RequestFactory
from django.utils import translation

from camp.web.errors import SENTENCES, error_response
from tests.camp.web.failing_urls import ERRORS
from tests.markup import Page
from tests.servers import free_port

pytestmark = pytest.mark.urls("tests.camp.web.failing_urls")

STATUS = {
    "forbidden": 403,
    "missing": 404,
    "bad": 400,
    "broken": 500,
    "database-away": 503,
    "connection-lost": 503,
}
TEMPLATE = {how: f"errors/{status}.html" for how, status in STATUS.items()}


@pytest.fixture
def visitor():
    """A browser; an error in a view is an answer to it, not a failure of the test."""
    return Client(raise_request_exception=False)


class TestPages:
    @pytest.mark.parametrize("how", ERRORS)
    def test_each_error_has_its_page(self, visitor, how):
        response = visitor.get(f"/fail/{how}/")
        assert response.status_code == STATUS[how]
        assert [each.name for each in response.templates][:1] == [TEMPLATE[how]]
        assert "text/html" in response.headers["Content-Type"]

    @pytest.mark.parametrize("how", ERRORS)
    def test_a_program_gets_json(self, visitor, how):
        response = visitor.get(f"/fail/{how}/", headers={"accept": "application/json"})
        assert response.status_code == STATUS[how]
        assert response.json() == {"error": str(SENTENCES[STATUS[how]])}

    @pytest.mark.parametrize("accept", ["*/*", "text/html,application/json", "image/png", ""])
    def test_everybody_else_gets_a_page(self, visitor, accept):
        response = visitor.get("/fail/missing/", headers={"accept": accept})
        assert "text/html" in response.headers["Content-Type"]

    @pytest.mark.parametrize("how", ERRORS)
    def test_nothing_of_the_cause_is_shown(self, visitor, how):
        page = visitor.get(f"/fail/{how}/").content.decode()
        for secret in ("hunter2", "secret-name", "connection", "not for you", "nonsense"):
            assert secret not in page

    def test_an_address_that_does_not_exist(self, visitor):
        response = visitor.get("/no/such/page/")
        assert response.status_code == 404
        assert response.headers["Cache-Control"] == "no-store"

    def test_a_host_name_that_is_not_ours(self, visitor):
        response = visitor.get("/", headers={"host": "evil.example"}, REMOTE_ADDR="93.184.216.34")
        assert response.status_code == 400
        assert "evil" not in response.content.decode()

    def test_the_page_speaks_the_language_of_the_reader(self, visitor):
        page = visitor.get("/fail/broken/", headers={"accept-language": "ja"}).content.decode()
        assert '<html lang="ja">' in page

    @pytest.mark.parametrize("how", ["broken", "missing"])
    def test_the_page_shows_the_number_that_the_log_has(self, visitor, how):
        response = visitor.get(f"/fail/{how}/")
        assert response.headers["X-Request-ID"] in response.content.decode()


@pytest.mark.cache
class TestDatabaseAway:
    @pytest.fixture(autouse=True)
    def no_database(self, monkeypatch):
        def refuse(self):
            raise OperationalError("connection refused")

        monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", refuse)

    @pytest.mark.parametrize("path", ["/private/", "/fail/missing/", "/fail/broken/", "/"])
    def test_somebody_logged_in_gets_an_answer(self, visitor, path):
        visitor.cookies["camp_session"] = "s" * 32
        response = visitor.get(path, headers={"accept-language": "ja"})
        assert response.status_code in (404, 500, 503)
        assert '<html lang="ja">' in response.content.decode()

    def test_it_says_when_to_come_back(self, visitor):
        visitor.cookies["camp_session"] = "s" * 32
        response = visitor.get("/private/")
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "10"


class TestWhoMayKnow:
    """Why the database is away is for whoever looks after the place."""

    HERE = {"headers": {"host": "localhost:8000"}}

    @pytest.fixture(autouse=True)
    def away(self, monkeypatch, tmp_path):
        """The configured database is one that cannot be opened."""
        if connection.vendor == "sqlite":
            monkeypatch.setitem(connection.settings_dict, "NAME", str(tmp_path / "no" / "x"))
        else:
            monkeypatch.setitem(connection.settings_dict, "PORT", free_port())

    def get(self, visitor, path="/fail/database-away/", **extra):
        response = visitor.get(path, **extra)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "10"
        return response.content.decode()

    def test_who_sits_at_the_machine_is_told_why_and_what_to_do(self, visitor):
        page = self.get(visitor, **self.HERE)
        assert "manage.py doctor" in page
        assert "does not answer" in page or "cannot be used" in page
        assert Page(page).judge("en") == []

    @pytest.mark.parametrize("address", ["::1", "127.0.0.2"])
    def test_this_machine_has_many_addresses(self, visitor, address):
        extra = {"headers": {"host": "[::1]:8000"}, "REMOTE_ADDR": address}
        assert "manage.py doctor" in self.get(visitor, **extra)

    def test_a_program_here_is_told_too(self, visitor):
        headers = {"accept": "application/json", "host": "127.0.0.1"}
        told = json.loads(self.get(visitor, headers=headers))
        assert told["error"] == str(SENTENCES[503])
        assert told["reason"].endswith(".")
        assert told["fix"][-1].endswith("manage.py doctor")

    @pytest.mark.parametrize(
        "extra",
        [
            {"REMOTE_ADDR": "192.0.2.7"},
            {"REMOTE_ADDR": ""},
            {"headers": {"host": "testserver"}},
            {"headers": {"host": "localhost", "x-forwarded-for": "127.0.0.1"}},
            {"headers": {"host": "localhost", "x-real-ip": "127.0.0.1"}},
            {"headers": {"host": "localhost", "forwarded": "for=127.0.0.1"}},
            {"SERVER_PROTOCOL": "HTTP/1.0"},
        ],
    )
    def test_others_are_told_to_wait(self, visitor, extra):
        page = self.get(visitor, **{**self.HERE, **extra})
        assert "right back" in page
        assert "manage.py" not in page

    def test_behind_https_everybody_is_somebody_else(self, visitor, settings):
        settings.CAMP_HTTPS = True
        assert "manage.py" not in self.get(visitor, **self.HERE)

    def test_with_debug_everybody_is_told_instead_of_a_traceback(self, visitor, settings):
        settings.DEBUG = True
        page = self.get(visitor, REMOTE_ADDR="192.0.2.7")
        assert "manage.py doctor" in page
        assert "Traceback" not in page

    def test_with_debug_other_mistakes_have_their_traceback(self, visitor, settings):
        settings.DEBUG = True
        response = visitor.get("/fail/broken/")
        assert response.status_code == 500
        assert "ZeroDivisionError" in response.content.decode()


@pytest.mark.django_db(transaction=True)
class TestMissingTables:
    def test_people_are_told_to_wait(self, visitor):
        response = visitor.get("/missing-table/")
        assert response.status_code == 503
        assert "is not ready yet" in response.content.decode()

    def test_who_sits_at_the_machine_is_told_to_migrate(self, visitor):
        MigrationRecorder(connection).record_unapplied("camp", "0002_shared_results")
        try:
            response = visitor.get("/missing-table/", headers={"host": "localhost"})
        finally:
            MigrationRecorder(connection).record_applied("camp", "0002_shared_results")
        assert response.status_code == 503
        assert response.context["commands"][0].endswith("manage.py migrate")

    def test_a_table_that_no_migration_makes(self, visitor):
        response = visitor.get("/missing-table/", headers={"host": "localhost"})
        assert "no_such_table" in response.content.decode()
        assert response.context["commands"][0].endswith("manage.py doctor")


class TestForms:
    def post(self, visitor, body, kind="application/x-www-form-urlencoded"):
        return visitor.generic("POST", "/form/", body, content_type=kind)

    def test_a_form_without_its_token(self):
        response = Client(enforce_csrf_checks=True).post("/form/", {"a": "b"})
        assert response.status_code == 403
        assert response.templates[0].name == "errors/403.html"
        assert response.context["csrf"]

    def test_a_form_without_its_token_as_json(self):
        client = Client(enforce_csrf_checks=True, headers={"accept": "application/json"})
        response = client.post("/form/", {"a": "b"})
        assert response.status_code == 403
        assert response.json() == {"error": str(SENTENCES[403])}

    def send_from(self, referer, data, **kwargs):
        client = Client(enforce_csrf_checks=True)
        return client.post("/form/", data, headers={"referer": referer}, **kwargs)

    def test_a_form_with_an_old_token_gives_back_what_was_written(self):
        data = urlencode({"content": "<b>long\nthought</b>", "title": "T", "password": "geheim"})
        kind = "application/x-www-form-urlencoded"
        response = self.send_from("http://testserver/a/?b=c", data, content_type=kind)
        page = response.content.decode()
        assert response.status_code == 403
        assert "&lt;b&gt;long\nthought&lt;/b&gt;</textarea>" in page
        assert "readonly>T</textarea>" in page
        assert 'href="http://testserver/a/?b=c"' in page
        assert "geheim" not in page

    @pytest.mark.parametrize(
        "referer", ["", "http://elsewhere.example/", "javascript:alert(1)", "http://[", "/a/"]
    )
    def test_what_another_site_sends_is_not_shown(self, referer):
        kind = "application/x-www-form-urlencoded"
        page = self.send_from(referer, "content=buy", content_type=kind).content.decode()
        assert "buy" not in page
        assert "elsewhere" not in page

    def test_a_form_with_files_is_not_read_for_it(self):
        response = self.send_from("http://testserver/a/", {"content": "thought"})
        assert response.status_code == 403
        assert "thought" not in response.content.decode()

    def test_a_form_that_is_too_large(self, visitor, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        response = self.post(visitor, "a=" + "b" * 2000)
        assert response.status_code == 413
        assert response.context["limit"] == 1000

    def test_too_many_fields(self, visitor, settings):
        settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
        assert self.post(visitor, "a=1&b=2&c=3").status_code == 400

    def test_too_many_files_are_named_as_the_reason(self, visitor, settings):
        settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
        files = [SimpleUploadedFile(name, b"x") for name in "abc"]
        response = visitor.post("/form/", {"files": files})
        assert response.status_code == 400
        assert "up to 1 file at once" in response.content.decode()

    def test_a_damaged_form_is_named_as_the_reason(self, visitor):
        with translation.override("en"):
            response = self.post(visitor, b"x", "multipart/form-data; boundary=é")
        assert response.status_code == 400
        assert "arrived damaged" in response.content.decode()

    def test_a_damaged_form_as_json(self, visitor):
        visitor.defaults["HTTP_ACCEPT"] = "application/json"
        response = self.post(visitor, b"x", "multipart/form-data")
        assert response.status_code == 400
        assert "arrived damaged" in response.json()["error"]


class TestFilesWhereNoneAreExpected:
    def test_the_fields_arrive_and_the_files_do_not(self, visitor):
        body = {"before": "1", "file": SimpleUploadedFile("a.bin", b"x" * 100_000), "zz": "2"}
        response = visitor.post("/form/", body)
        assert response.content.decode() == "[('before', '1'), ('zz', '2')] []"

    def test_nothing_is_written_to_disk(self, visitor, settings, tmp_path):
        settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
        visitor.post("/form/", {"file": SimpleUploadedFile("a.bin", b"x" * 5_000_000)})
        assert list(tmp_path.iterdir()) == []


class TestErrorResponse:
    """The helper that views use for 413, 429 and 503."""

    @pytest.fixture
    def request_(self):
        return RequestFactory().get("/")

    def test_a_wait_is_shown_and_sent(self, request_):
        response = error_response(request_, 429, retry_after=180)
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "180"
        assert "3 minutes" in response.content.decode()

    def test_a_limit_is_shown(self, request_):
        response = error_response(request_, 413, limit=5 * 2**30)
        assert response.status_code == 413
        assert "5" in response.content.decode()

    @pytest.mark.parametrize("status", SENTENCES)
    def test_each_status_has_a_page(self, request_, status):
        page = error_response(request_, status).content.decode()
        assert f"{status}" in page
        assert "</html>" in page

    @pytest.mark.parametrize("status", SENTENCES)
    def test_a_page_that_cannot_be_rendered_is_still_an_answer(
        self, request_, status, settings, tmp_path, caplog
    ):
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path], "APP_DIRS": False}]
        response = error_response(request_, status)
        assert response.status_code == status
        assert "</html>" in response.content.decode()
        assert "cannot be rendered" in caplog.text


class TestRefusedMethod:
    def test_address_of_a_form_explains_itself_when_opened(self, client, owner):
        client.force_login(owner)
        response = client.get("/accounts/logout/")
        assert response.status_code == 405
        assert "POST" in response["Allow"]
        assert "This address is not a page" in response.content.decode()

    def test_options_is_left_to_django(self, client):
        response = client.options("/accounts/logout/")
        assert response.status_code == 200
        assert "POST" in response["Allow"]
