"""Commands tell a database that cannot be reached from a mistake in what they ask of it."""

import pytest

from tests.servers import free_port

pytestmark = pytest.mark.slow

ASK = "from django.db import connection as c; c.cursor().execute({sql!r})"
INSERT = "INSERT INTO sample_users (id) VALUES (NULL)"


@pytest.fixture
def instance(make_camp_server):
    """An instance of Camp with its tables, not running."""
    return make_camp_server()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM no_such_table", "A table or a column is missing"),
        ("SELECT no_such_column FROM sample_users", "A table or a column is missing"),
        ("SELEC 1", "syntax error"),
        (INSERT, "NULL"),
    ],
)
def test_a_wrong_statement_is_no_lost_connection(instance, sql, said):
    done = instance.manage("shell", "-c", ASK.format(sql=sql), check=False)
    assert done.returncode
    assert said.lower() in done.stderr.lower()
    assert "connection" not in done.stderr.splitlines()[-1]
    assert "DATABASE_URL" not in done.stderr


def test_a_taken_e_mail_is_no_lost_connection(instance):
    instance.environment["DJANGO_SUPERUSER_PASSWORD"] = "a good long password"
    words = ["createsuperuser", "--no-input", "--email", "root@example.org", "--username"]
    instance.manage(*words, "root")
    done = instance.manage(*words, "other", check=False)
    assert done.returncode
    assert "This e-mail already has an account." in done.stderr
    assert "DATABASE_URL" not in done.stderr


def test_a_database_that_is_away_is_named(make_camp_server):
    url = f"postgresql://camp:s3cret@127.0.0.1:{free_port()}/camp"
    done = make_camp_server(DATABASE_URL=url).manage(
        "shell", "-c", ASK.format(sql="SELECT 1"), check=False
    )
    assert "does not answer" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.sqlite
def test_a_file_that_is_no_database_is_named(instance):
    (instance.folder / "data" / "camp.sqlite3").write_bytes(b"nonsense" * 1000)
    done = instance.manage("shell", "-c", ASK.format(sql="SELECT 1"), check=False)
    assert "camp.sqlite3" in done.stderr
    assert "Traceback" not in done.stderr
