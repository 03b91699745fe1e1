"""The environment as people write it, good and bad."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from camp.config import env as environment
from camp.config import secret_key, urls

SECRET = "hunter2-very-secret"
OLD_URL = "postgresql+asyncpg://postgres:postgres@localhost:5432/camp_backend_db"


def loaded(tmp_path, monkeypatch, text="", name=".env.local", **variables):
    """Return the Environment of a folder with one env file and these variables."""
    monkeypatch.delenv("CAMP_ENV_FILES", raising=False)
    for key in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "MAX_UPLOAD_SIZE"):
        monkeypatch.delenv(key, raising=False)
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(data)
    return environment.load(tmp_path)


@pytest.fixture
def read(tmp_path, monkeypatch):
    return lambda text="", **variables: loaded(tmp_path, monkeypatch, text, **variables)


def database(env):
    return urls.read_database(env, "DATABASE_URL", Path("/data/camp.sqlite3"))


def test_old_env_file_works_unchanged(read):
    env = read(
        b"\xef\xbb\xbf# camp-backend\r\n"
        b"DATABASE_URL=" + OLD_URL.encode() + b"?ssl=disable\r\n"
        b"REDIS_URL=redis://localhost:6379/0\r\n"
        b"SECRET_KEY='change # me'\r\n"
        b"DEBUG=True  # while developing\r\n"
        b"MAX_UPLOAD_SIZE=10485760\r\n"
        b'CORS_ORIGINS=["http://localhost:3000"]\r\n'
    )
    config = database(env)
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert (config["NAME"], config["HOST"], config["PORT"]) == (
        "camp_backend_db",
        "localhost",
        5432,
    )
    assert (config["USER"], config["PASSWORD"]) == ("postgres", "postgres")
    assert config["OPTIONS"]["sslmode"] == "disable"
    assert "ssl" not in config["OPTIONS"]
    assert urls.read_redis(env, "REDIS_URL") == "redis://localhost:6379/0"
    assert env.text("SECRET_KEY") == "change # me"
    assert env.boolean("DEBUG") is True
    assert env.size("MAX_UPLOAD_SIZE", 1) == 10 * 2**20


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("p#ss", "p#ss"),
        ("p@ss", "p@ss"),
        ("p@ss@localhost", "p@ss@localhost"),
        ("100%", "100%"),
        ("p/s?s:word", "p/s?s:word"),
        ("p%23s%40s%25", "p#s@s%"),
        ("パス", "パス"),
        ("$ecret", "$ecret"),
        ("a+b c", "a+b c"),
    ],
)
def test_password_of_any_characters(read, written, password):
    env = read(f"DATABASE_URL=postgres://camp:{written}@db.example:6000/camp?sslmode=require\n")
    config = database(env)
    assert config["PASSWORD"] == password
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db.example", 6000, "camp")
    assert config["OPTIONS"]["sslmode"] == "require"


def test_options_of_other_drivers_are_left_out(read):
    env = read(f"DATABASE_URL={OLD_URL}?prepared_statement_cache_size=0&application_name=camp\n")
    assert database(env)["OPTIONS"] == {"connect_timeout": "5", "application_name": "camp"}


def test_socket_folder_as_host(read):
    env = read("DATABASE_URL=postgresql:///camp?host=/run/postgresql\n")
    assert database(env)["HOST"] == "/run/postgresql"


def test_without_a_url_the_database_is_a_file(read):
    assert database(read())["NAME"] == str(Path("/data/camp.sqlite3"))


@pytest.mark.parametrize("url", ["sqlite:///other.db", "sqlite+aiosqlite:///./other.db"])
def test_sqlite_file_is_relative_to_the_data_folder(read, url):
    assert Path(database(read(f"DATABASE_URL={url}\n"))["NAME"]) == Path("/data/other.db")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://root:{SECRET}@localhost/camp",
        f"postgresql:/root:{SECRET}@localhost/camp",
        f"postgresql://root:{SECRET}@localhost:99999/camp",
        f"postgresql://root:{SECRET}@localhost:54x2/camp",
        f"postgresql://root:{SECRET}@localhost/",
        f"postgresql://root:{SECRET}@localhost/camp?sslmode={SECRET}",
        SECRET,
    ],
)
def test_bad_database_url_is_refused_without_showing_it(read, url):
    with pytest.raises(ImproperlyConfigured) as refused:
        database(read(f"DATABASE_URL={url}\n"))
    assert "DATABASE_URL" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("url", [f"http://:{SECRET}@localhost", SECRET, "redis://localhost:70000"])
def test_bad_redis_url_is_refused_without_showing_it(read, url):
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL") as refused:
        urls.read_redis(read(f"REDIS_URL={url}\n"), "REDIS_URL")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["camp.example.org", "https://", "https://a b.example", "https://x.example/path", "ftp://x"],
)
def test_an_address_of_the_site_must_be_one(read, url):
    with pytest.raises(ImproperlyConfigured, match="SITE_URL"):
        urls.read_site(read(f"SITE_URL={url}\n"), "SITE_URL")
    read_ = urls.read_site(read("SITE_URL=https://camp.example.org:8443/\n"), "SITE_URL")
    assert read_ == "https://camp.example.org:8443"


def test_redis_password_of_any_characters(read):
    env = read("REDIS_URL=redis://:p@s#s/w%@cache:6380/2\n")
    assert urls.read_redis(env, "REDIS_URL") == "redis://:p%40s%23s%2Fw%25@cache:6380/2"


@pytest.mark.parametrize(
    ("written", "value"),
    [("on", True), ("TRUE", True), ("1", True), ("off", False), ("No", False), ("", False)],
)
def test_boolean(read, written, value):
    assert read(f"DEBUG={written}\n").boolean("DEBUG", default=not value) is value


def test_misspelt_boolean_is_refused(read):
    with pytest.raises(ImproperlyConfigured, match="DEBUG") as refused:
        read("DEBUG=ture\n").boolean("DEBUG")
    assert "ture" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "size"),
    [("1048576", 2**20), ("512M", 2**29), ("5 GiB", 5 * 2**30), ("1.5k", 1536), ("2gb", 2**31)],
)
def test_size(read, written, size):
    assert read(f"MAX_UPLOAD_SIZE={written}\n").size("MAX_UPLOAD_SIZE", 1) == size


@pytest.mark.parametrize("written", ["5 apples", "-1", "0", "1e9", "G"])
def test_bad_size_is_refused(read, written):
    with pytest.raises(ImproperlyConfigured, match="MAX_UPLOAD_SIZE"):
        read(f"MAX_UPLOAD_SIZE={written}\n").size("MAX_UPLOAD_SIZE", 1)


@pytest.mark.parametrize("written", ["http", "0", "65536", "-1", "80.5"])
def test_bad_port_is_refused(read, written):
    with pytest.raises(ImproperlyConfigured, match="PORT"):
        read(f"PORT={written}\n").integer("PORT", 8000, minimum=1, maximum=65535)


def test_duration(read):
    env = read("A=90\nB=15m\nC=2 h\nD=30d\nE=soon\n")
    assert [env.duration(name, None) for name in "ABCD"] == [
        timedelta(seconds=90),
        timedelta(minutes=15),
        timedelta(hours=2),
        timedelta(days=30),
    ]
    with pytest.raises(ImproperlyConfigured, match="E must be a time"):
        env.duration("E", None)


@pytest.mark.parametrize("written", ["Asia/Tokio", "../../etc/passwd", "/etc/localtime", "Asia"])
def test_unknown_time_zone_is_refused(read, written):
    with pytest.raises(ImproperlyConfigured, match="TIME_ZONE"):
        read(f"TIME_ZONE={written}\n").time_zone("TIME_ZONE", "Asia/Tokyo")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://camp:12?a={SECRET}@db:5432/camp",
        f"postgresql://camp:{SECRET}@db/camp?application_name=a@b",
        f"postgresql://camp:12?a=3@db:5432/camp?application_name={SECRET}",
    ],
)
def test_a_url_that_may_mean_two_servers_is_refused(read, url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL can be read in two ways") as bad:
        database(read(f"DATABASE_URL={url}\n"))
    assert "@ as %40" in str(bad.value)
    assert SECRET not in str(bad.value)


def test_a_refused_url_says_how_to_write_a_password(read):
    with pytest.raises(ImproperlyConfigured, match=r"# as %23, / as %2F, . as %3F"):
        database(read(f"DATABASE_URL=postgresql://camp:{SECRET}#@db:port/camp\n"))


def test_a_user_name_may_hold_an_at_sign(read):
    config = database(read("DATABASE_URL=postgresql://camp@server:p@ss@db.example/camp\n"))
    assert (config["USER"], config["PASSWORD"]) == ("camp@server", "p@ss")
    assert config["HOST"] == "db.example"


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("unix://:p#s?s@w/rd@/run/redis.sock", "unix://:p%23s%3Fs%40w%2Frd@/run/redis.sock"),
        ("unix://camp:p%23@/run/redis.sock", "unix://camp:p%23@/run/redis.sock"),
    ],
)
def test_redis_on_a_socket(read, written, url):
    assert urls.read_redis(read(f"REDIS_URL={written}\n"), "REDIS_URL") == url


@pytest.mark.parametrize("url", [f"unix://{SECRET}", f"unix://:{SECRET}@/run/r.sock#x", "unix:/x"])
def test_a_bad_socket_is_refused_without_showing_it(read, url):
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL") as refused:
        urls.read_redis(read(f"REDIS_URL={url}\n"), "REDIS_URL")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "S3_SECRET_ACCESS_KEY", "DATABASE_URL"])
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("=#k3y", "#k3y"),
        ("=#k3y # mine", "#k3y"),
        ("=##k3y", "##k3y"),
        ("=k3#y", "k3#y"),
        ("=k3y#", "k3y#"),
        ("=k3y # mine", "k3y"),
        ("=k3y\t## mine", "k3y"),
        ("='#k3y'", "#k3y"),
        ("= '#k3y #2' # mine", "#k3y #2"),
        ('="#k3y #2"', "#k3y #2"),
        ('="k\\"3y"', 'k"3y'),
        ("='\"k3y\"'", '"k3y"'),
        ("= # mine", ""),
        ("=", ""),
        ("=k3y\x85more", "k3y\x85more"),
        ("=old\n{name}=new", "new"),
    ],
)
def test_a_hash_sign_in_an_env_file(read, name, written, value):
    assert read(f"{name}{written.format(name=name)}\n").text(name) == value


@pytest.mark.parametrize("written", ["= #k3y", "=# k3y", "=#", "=k3 #y", "= ##k3y", "=' #k3y"])
def test_a_secret_that_could_be_a_comment_is_refused(read, written):
    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY has a # .* single quotes") as bad:
        read(f"SECRET_KEY{written}\n")
    assert "k3" not in str(bad.value)


@pytest.mark.parametrize("written", ["= #seconds", "=# seconds", "= # seconds", "=#"])
def test_other_variables_may_have_any_comment(read, written):
    assert read(f"CACHE_TTL{written}\n").integer("CACHE_TTL", 300) == 300


def test_the_real_environment_wins_then_env_local_then_env(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("A=env\nB=env\nC=env\n")
    env = loaded(tmp_path, monkeypatch, "A=local\nB=local\n", A="real")
    assert [env.text(name) for name in "ABC"] == ["real", "local", "env"]
    assert "B" not in os.environ


def test_other_env_files_can_be_named(tmp_path, monkeypatch):
    (tmp_path / "camp.env").write_text("A=camp\n")
    (tmp_path / ".env.local").write_text("A=local\n")
    monkeypatch.setenv("CAMP_ENV_FILES", "camp.env")
    assert environment.load(tmp_path).text("A") == "camp"
    monkeypatch.setenv("CAMP_ENV_FILES", "")
    assert environment.load(tmp_path).text("A") == ""


def test_env_file_that_is_not_text_is_refused(read):
    with pytest.raises(ImproperlyConfigured, match=r"\.env\.local"):
        read(b"\xff\xfe\x00S\x00E\x00C")


def test_secret_is_made_once_and_for_the_owner_only(read, tmp_path):
    file = tmp_path / "var" / "secret-key"
    first = secret_key.choose_secret_key(read(), file, strict=True)[0]
    assert len(first) >= 50
    assert secret_key.choose_secret_key(read(), file, strict=True)[0] == first
    assert list(file.parent.iterdir()) == [file]
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows has no root")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(read, tmp_path, monkeypatch):
    theirs, given = tmp_path / "theirs", {}
    theirs.mkdir()
    if os.geteuid() == 0:
        os.chown(theirs, 12345, 12345)
    owner = theirs.stat()
    real = os.chown if os.geteuid() == 0 else lambda *arguments, **options: None

    def chown(path, uid, gid, **options):
        given[Path(path).name] = (uid, gid)
        real(path, uid, gid, **options)

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    secret_key.generate_once(theirs / "camp" / "var" / "secret-key")
    folders = {"camp", "var"}
    [secret] = given.keys() - folders
    assert secret.startswith(".secret-key.")
    assert set(given.values()) == {(owner.st_uid, owner.st_gid)}


def test_secret_from_a_file(read, tmp_path):
    (tmp_path / "given").write_text("from-a-file\n")
    env = read(SECRET_KEY_FILE=str(tmp_path / "given"))
    assert env.secret("SECRET_KEY") == "from-a-file"


def test_missing_secret_file_is_refused(read, tmp_path):
    env = read(SECRET_KEY_FILE=str(tmp_path / "nowhere"))
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE"):
        env.secret("SECRET_KEY")


def test_refused_setting_names_the_variable_and_not_the_value(tmp_path):
    """The whole way: a command with a bad variable prints one sentence."""
    root = settings.BASE_DIR
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=root,
        env=os.environ
        | {"CAMP_ENV_FILES": "", "CAMP_DATA_DIR": str(tmp_path), "DATABASE_URL": f"db://{SECRET}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "DATABASE_URL" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("value", "pooled"), [("true", True), ("1", True), ("false", False)])
def test_a_pool_of_transactions_takes_no_cursors_along(read, value, pooled):
    found = database(read(DATABASE_URL=f"postgresql://camp@localhost/camp?pgbouncer={value}"))
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is pooled
    assert "pgbouncer" not in found["OPTIONS"]


def test_a_misspelt_pool_is_refused(read):
    with pytest.raises(ImproperlyConfigured, match="pgbouncer must be true or false"):
        database(read(DATABASE_URL="postgresql://localhost/camp?pgbouncer=ture"))
