"""No statement of a page keeps the database busy for long."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import translation

from camp.db.statement_timeout import StatementClock, limit_connection


@pytest.fixture
def limited(db, settings):
    """The test's connection, on which a statement may take 0.2 s."""
    settings.STATEMENT_TIMEOUT = timedelta(seconds=0.2)
    limit_connection(connection)
    yield
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(None, 0)
        wrappers = connection.execute_wrappers
        wrappers[:] = [one for one in wrappers if not isinstance(one, StatementClock)]


@pytest.mark.urls("tests.camp.web.failing_urls")
@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "This took too long"), ("ja", "時間がかかりすぎた")]
)
def test_a_statement_over_the_limit_is_stopped(limited, language, sentence):
    client = Client(raise_request_exception=False, headers={"accept-language": language})
    with translation.override(language):
        response = client.get("/endless-query/")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert sentence in response.content.decode()


@pytest.mark.fault
def test_pages_of_a_server_have_the_limit_and_commands_have_not(make_camp_server):
    server = make_camp_server(STATEMENT_TIMEOUT="0").start()
    server.stop()
    code = (
        "from django.db import connection as c; c.cursor().execute("
        "'WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000000)"
        " SELECT count(*) FROM n'); print('done')"
    )
    server.environment["STATEMENT_TIMEOUT"] = "1"
    assert "done" in server.manage("shell", "-c", code).stdout
    served = "import camp.wsgi; " + code.replace("3000000", "300000000")
    result = server.manage("shell", "-c", served, check=False, timeout=60)
    assert result.returncode
    assert "done" not in result.stdout
