"""Plain SQL dumps: restored as data, whatever Windows made of them."""

import gzip
import io
import lzma
import subprocess
import tarfile

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from camp.models import Instance
from camp.operations.backup.archive import Damaged
from camp.operations.backup.restore import postgresql
from camp.operations.database import server
from camp.operations.local_postgres import programs as postgres_programs
from files.models import File
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]

TRICKY = rb"""-- a comment; with 'quotes
SELECT 'it''s; not the end', "a;name", E'a\';b' /* a comment /* within; */ one */ ;
CREATE FUNCTION f() RETURNS text AS $body$ BEGIN; SELECT $$;$$; -- ;
END $body$ LANGUAGE plpgsql;
CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);
\restrict abc123
COPY public.t ("a ( b", c) FROM stdin;
1	\\! rm; '
\.

SELECT 'several
lines; \ of it', $1$, a$b$c; ;
\unrestrict abc123
"""


def split(text):
    found = []
    for statement in postgresql.split_statements(text.splitlines(keepends=True)):
        data = b"".join(statement.data) if statement.data is not None else None
        found.append((b" ".join(statement.text.split()), data))
    return found


def test_a_dump_is_split_where_its_statements_end():
    assert split(TRICKY) == [
        (rb"""SELECT 'it''s; not the end', "a;name", E'a\';b'""", None),
        (
            b"CREATE FUNCTION f() RETURNS text AS $body$ BEGIN; SELECT $$;$$; -- ; "
            b"END $body$ LANGUAGE plpgsql",
            None,
        ),
        (b"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", None),
        (b'COPY public.t ("a ( b", c) FROM stdin', b"1\t\\\\! rm; '\n"),
        (rb"SELECT 'several lines; \ of it', $1$, a$b$c", None),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        rb"\! touch /tmp/owned",
        rb"\connect other",
        rb"SELECT 1 \g /tmp/owned",
        b"CREATE DATABASE other;",
        b"drop /* really */ database camp;",
        b"ALTER ROLE postgres SUPERUSER;",
        b"COPY t TO PROGRAM 'sh';",
        b"COPY (SELECT 1) TO PROGRAM 'sh -c \"x FROM stdin\"';",
        b"COPY (SELECT 1) TO PROGRAM $$x FROM stdin$$;",
        b"COPY t FROM '/etc/passwd';",
    ],
)
def test_what_leaves_the_database_is_refused(statement):
    lines = [b"SELECT 1;\n", statement + b"\n", b"SELECT 2;\n"]
    with pytest.raises(postgresql.ForbiddenStatement):
        postgresql.check_statements(postgresql.split_statements(lines))


@pytest.mark.parametrize("text", [b"SELECT 'a", b"SELECT 1", b"COPY t (a) FROM stdin;\n1\n"])
def test_a_statement_without_an_end_is_a_cut(text):
    with pytest.raises(Damaged, match="cut off"):
        split(text)


def dumped(folder, *options, name="backup_20250128.sql"):
    """Write a dump as in the old guide, with owners and all; returns its path."""
    path = folder / name
    connection.close()
    if connection.vendor == "sqlite":
        return places.archive(sql=True, output=path)
    programs = postgres_programs.client("pg_dump", at_least=server.server_version())
    with path.open("wb") as stream:
        subprocess.run(
            [programs.path("pg_dump"), *options],
            env=server.program_environment(),
            stdout=stream,
            check=True,
        )
    return path


def change(file, old, new):
    file.write_bytes(file.read_bytes().replace(old, new))


def test_a_dump_of_camp_puts_the_database_back_and_leaves_the_files(place, tmp_path):
    before = places.digest()
    dump = dumped(tmp_path)
    # On a machine where nobody has the name of the database's owner.
    change(dump, b"OWNER TO camp", b"OWNER TO somebody_else")
    get_user_model().objects.filter(username="owner").update(username="another")
    told = places.restore(dump, "--no-backup")
    Instance.objects.update(restored="")
    assert places.digest() == before
    assert "left as they are" in told
    file = File.objects.exclude(user=None).first()
    assert file in File.objects.search(file.filename, file.user)


def test_what_powershell_writes_is_read(place, tmp_path):
    dump = dumped(tmp_path)
    text = dump.read_text(encoding="utf-8").replace("\n", "\r\n")
    dump.write_bytes(text.encode("utf-16"))
    File.objects.all().delete()
    places.restore(dump, "--no-backup")
    assert File.objects.count() == 6


def test_a_cut_dump_is_refused(place, tmp_path):
    before = places.digest()
    dump = dumped(tmp_path)
    whole = dump.read_bytes()
    for part in (whole[: len(whole) // 2], whole.rsplit(b"\n", 8)[0], whole[:1000]):
        dump.write_bytes(part)
        assert "cut off" in places.refusal(dump)
    assert places.digest() == before


@pytest.mark.postgresql
def test_an_old_backends_dump_is_restored_as_it_is_and_named_for_takeover(place, tmp_path):
    dump = tmp_path / "backup_20250128.sql"
    dump.write_text(OLD)
    told = places.restore(dump, "--no-backup")
    assert told.splitlines()[-1].endswith("manage.py takeover")
    with connection.cursor() as cursor:
        assert set(connection.introspection.table_names(cursor)) == {
            "alembic_version",
            "sample_users",
        }
        cursor.execute("SELECT email FROM sample_users")
        assert cursor.fetchall() == [("somebody@example.org",)]


OLD = r"""--
-- PostgreSQL database dump
--

\restrict Zx5hH2
-- Dumped from database version 16.1
SET statement_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.alembic_version (version_num character varying(32) NOT NULL);
ALTER TABLE public.alembic_version OWNER TO somebody_else;
CREATE TABLE public.sample_users (id integer NOT NULL, email character varying(255));
ALTER TABLE public.sample_users OWNER TO somebody_else;
COPY public.sample_users (id, email) FROM stdin;
1	somebody@example.org
\.


GRANT ALL ON TABLE public.sample_users TO somebody_else;
--
-- PostgreSQL database dump complete
--

\unrestrict Zx5hH2

"""


@pytest.mark.postgresql
def test_a_dump_that_fails_half_way_changes_nothing(place, tmp_path):
    before = places.digest()
    dump = tmp_path / "dump.sql"
    dump.write_text(OLD.replace("1\tsomebody", "one\tsomebody"))
    assert "invalid input syntax" in places.refusal(dump, "--no-backup")
    dump.write_text(OLD.replace("public.sample_users", "public.other").replace("alembic", "x"))
    assert "does not contain a Camp database" in places.refusal(dump, "--no-backup")
    assert places.digest() == before


def test_what_is_no_dump_is_refused(place, tmp_path):
    file = tmp_path / "notes.sql"
    file.write_text("DROP TABLE sample_users;")
    assert "neither a Camp archive nor a plain SQL dump" in places.refusal(file)
    file.write_text("--\n-- PostgreSQL database cluster dump\n--\n")
    assert "neither" in places.refusal(file)
    other = "BEGIN TRANSACTION;\nCOMMIT;\n" if connection.vendor == "postgresql" else OLD
    file.write_text(other)
    assert "--portable" in places.refusal(file)


@pytest.mark.postgresql
def test_a_custom_dump_of_pg_dump_is_restored(place, tmp_path):
    before = places.digest()
    dump = tmp_path / "camp.dump"
    programs = postgres_programs.client("pg_dump", at_least=server.server_version())
    name = connection.settings_dict["NAME"]
    command = [programs.path("pg_dump"), "-Fc", f"--file={dump}", name]
    subprocess.run(command, env=server.program_environment(name), check=True)
    whole = dump.read_bytes()
    for cut in (len(whole) // 2, len(whole) - 100, 200):
        dump.write_bytes(whole[:cut])
        assert "Nothing was changed" in places.refusal(dump, "--no-backup")
    assert places.digest() == before
    dump.write_bytes(whole)
    get_user_model().objects.filter(username="owner").update(username="another")
    assert "left as they are" in places.restore(dump, "--no-backup")
    Instance.objects.update(restored="")
    assert places.digest() == before


@pytest.mark.postgresql
@pytest.mark.parametrize("content", [OLD.encode(), b"PGDMP\x01\x0e\x00"])
def test_a_dump_runs_as_a_superuser_only_if_that_is_named(place, tmp_path, content):
    before = places.digest()
    dump = tmp_path / "dump.sql"
    dump.write_bytes(content)
    role = connection.settings_dict["USER"]
    for named in ((), ("--as-superuser", "postgres")):
        said = places.refusal(dump, *named, trust=False)
        assert f"The role {role} is a superuser" in said
        assert said.endswith(f"--as-superuser {role}")
    assert places.digest() == before


@pytest.mark.sqlite
def test_a_custom_dump_is_one_of_postgresql(place, tmp_path):
    dump = tmp_path / "camp.dump"
    dump.write_bytes(b"PGDMP\x01\x0e\x00")
    assert "is for PostgreSQL, and this database is SQLite" in places.refusal(dump)


def tar_of(name):
    """Return the bytes of a tar that begins with a member of that name."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.tar", b"", "is empty"),
        ("photos.zip", b"PK\x03\x04rest", "is a ZIP file"),
        ("backup.tar.gz", gzip.compress(b"x", mtime=0), "compressed with gzip: unpack it first"),
        ("backup.tar.xz", lzma.compress(b"x"), "compressed with xz: unpack it first"),
        ("home.tar", tar_of("home/notes.txt"), "a tar file, but not a Camp archive"),
        ("dump.tar", tar_of("toc.dat"), "Dump it again with pg_dump -Fc"),
        ("camp.sqlite3", b"SQLite format 3\0" + b"x" * 600, "is an SQLite file"),
    ],
)
def test_files_of_other_kinds_are_named(place, tmp_path, name, content, said):
    file = tmp_path / name
    file.write_bytes(content)
    assert said in places.refusal(file)


def test_a_folder_is_named(place, tmp_path):
    assert "is a folder, not a backup" in places.refusal(tmp_path)


@pytest.mark.sqlite
def test_a_dump_of_sqlite_reaches_no_other_file(place, tmp_path):
    file = tmp_path / "dump.sql"
    file.write_text(f"BEGIN TRANSACTION;\nATTACH '{tmp_path}/other' AS other;\nCOMMIT;\n")
    assert "not authorized" in places.refusal(file, "--no-backup")
    assert not (tmp_path / "other").exists()
