"""The environment, read into typed settings.

Everything goes through django-environ; what this module adds is strictness:
a value that cannot be understood is refused by the name of its variable, and
no message ever carries the value, since it may be a password.
"""

import os
import re
import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

from camp.config import env_file
from camp.fs.ownership import chown_to_folder_owner, make_folder

TRUE = {"1", "true", "t", "yes", "y", "on"}
FALSE = {"0", "false", "f", "no", "n", "off", ""}
SIZE_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

# What libpq understands; drivers of other languages put more into their URLs.
POSTGRES_OPTIONS = {
    "application_name", "channel_binding", "client_encoding", "connect_timeout",
    "gssencmode", "host", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "options", "passfile", "sslcert", "sslcrl", "sslkey",
    "sslmode", "sslpassword", "sslrootcert", "target_session_attrs",
    "tcp_user_timeout",
}  # fmt: skip
SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

# As RFC 3986 has it: every reserved character of a password is percent-encoded.
STRICT_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9]*)(?:\+[a-z0-9_]+)?://"
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^@/?#:\[\]]*)(?::(?P<port>\d*))?"
    r"(?:/(?P<name>[^?#@]*))?(?:\?(?P<query>(?:[^=&#]+=[^&#]*(?:&[^=&#]+=[^&#]*)*)?))?",
    re.DOTALL,
)
# As people write it. The password is greedy up to the last "@", so that it may hold @ # / ? raw.
SERVER_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9]*)(?:\+[a-z0-9_]+)?://"
    r"(?:(?P<user>[^:/?#]*)(?::(?P<password>.*))?@)?"
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^@/?#:\[\]]*)(?::(?P<port>\d*))?"
    r"(?:/(?P<name>[^?#@]*))?(?:\?(?P<query>[^#]*))?",
    re.DOTALL,
)
SOCKET_URL = re.compile(
    r"unix://(?:(?P<user>[^:/?#]*)(?::(?P<password>.*))?@)?(?P<path>/[^?#@]*)(?:\?(?P<query>[^#@]*))?",
    re.DOTALL,
)
ENCODE = (
    "In the user name and the password write @ as %40, # as %23, / as %2F, ? as %3F, : as %3A "
    "and % as %25."
)
EXAMPLES = {
    "postgresql": "postgresql://user:password@localhost:5432/camp_backend_db",
    "redis": "redis://user:password@localhost:6379/0",
    "unix": "unix://user:password@/run/redis/redis.sock?db=0",
}


class UnwritableFolder(ImproperlyConfigured):
    """The data folder takes no file; `why` is the system's reason."""

    def __init__(self, folder, why):
        super().__init__(f"CAMP_DATA_DIR cannot be written: {folder} ({why})")
        self.folder, self.why = folder, why


class Environment(environ.Env):
    """django-environ over a private copy of the environment.

    Reading `.env` files into `os.environ` would pass every secret in them to
    every child process.
    """

    def text(self, name, default=""):
        """Return the value as it stands; a leading `$` means itself."""
        return self.ENVIRON.get(name, default)

    def boolean(self, name, default=False):
        """Return a bool; a misspelt one is refused instead of read as False."""
        if name not in self.ENVIRON:
            return default
        value = self.text(name).strip().lower()
        if value in TRUE:
            return True
        if value in FALSE:
            return False
        raise ImproperlyConfigured(f"{name} must be on or off (also true/false, yes/no, 1/0).")

    def integer(self, name, default, *, minimum=0, maximum=None):
        """Return an int between `minimum` and `maximum`, both included."""
        value = self.text(name).strip()
        if not value:
            return default
        number = int(value) if re.fullmatch(r"[0-9]+", value) else None
        if number is None or number < minimum or (maximum is not None and number > maximum):
            limits = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
            raise ImproperlyConfigured(f"{name} must be a whole number, {limits}.")
        return number

    def size(self, name, default):
        """Return a size in bytes from `1048576`, `512M`, `5 GiB` or `5GB` (powers of 1024)."""
        value = self.text(name).strip()
        try:
            return parsed_size(value) if value else default
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must be a size, such as 1048576 (bytes), 512M or 5G."
            ) from None

    def duration(self, name, default):
        """Return a timedelta from a number of seconds, or from `15m`, `2h`, `30d`."""
        value = self.text(name).strip().lower()
        if not value:
            return default
        found = re.fullmatch(r"([0-9]{1,8})\s*([smhd]?)", value)
        if not found:
            raise ImproperlyConfigured(f"{name} must be a time such as 90s, 15m, 2h or 30d.")
        seconds = int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
        return timedelta(seconds=seconds)

    def choice(self, name, default, choices):
        """Return one of `choices` (lower case)."""
        value = self.text(name).strip().lower() or default
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of: {', '.join(choices)}.")
        return value

    def names(self, name, default=()):
        """Return a list of the comma-separated names."""
        found = [part.strip() for part in self.text(name).split(",")]
        return [part for part in found if part] or list(default)

    def folder(self, name, default, *, base):
        """Return an absolute Path; a relative value counts from `base`."""
        value = self.text(name).strip()
        return (base / Path(value).expanduser()).resolve() if value else Path(default)

    def time_zone(self, name, default):
        """Return the name of a time zone that this machine knows."""
        value = self.text(name).strip() or default
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ImproperlyConfigured(
                f"{name} must be a time zone such as Asia/Tokyo or UTC."
            ) from None

    def database(self, name, default_file):
        """Return a Django database dict for SQLite or PostgreSQL.

        Accepts the URLs of SQLAlchemy (`postgresql+asyncpg://…?ssl=disable`), and
        passwords with reserved characters, raw or percent-encoded.
        """
        url = self.text(name).strip()
        if not url:
            return sqlite_database(default_file)
        if url.startswith("sqlite"):
            file = re.sub(r"^sqlite(\+\w+)?:(//)?/?", "", url)
            if not file or file == ":memory:":
                raise ImproperlyConfigured(
                    f"{name} must name a file: sqlite:///path/to/camp.sqlite3"
                )
            return sqlite_database(default_file.parent / unquote(file))
        parts = split_server_url(name, url, {"postgres", "postgresql", "psql", "pgsql"})
        parts["scheme"] = "postgresql"
        try:
            config = self.db_url_config(join_server_url(parts))
        except Exception:
            # django-environ's message would hold the password.
            raise ImproperlyConfigured(bad_url(name, EXAMPLES["postgresql"])) from None
        options = {"connect_timeout": "5"} | postgres_options(name, parts["query"])
        config["HOST"] = options.pop("host", "") or config["HOST"]
        if not config["NAME"]:
            raise ImproperlyConfigured(f"{name} names no database: end it with /camp_backend_db.")
        return config | {
            "OPTIONS": options,
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "DISABLE_SERVER_SIDE_CURSORS": is_pooled(name, parts["query"]),
        }

    def redis(self, name):
        """Return a normalised `redis://`, `rediss://` or `unix://` URL, or "" where none is set."""
        url = self.text(name).strip()
        if not url:
            return ""
        if url.startswith("unix:"):
            return socket_url(name, url)
        return join_server_url(split_server_url(name, url, {"redis", "rediss"}))

    def email(self, name):
        """Return Django's EMAIL_* settings from one URL; the console where none is set."""
        from camp.config.email import mail  # which needs this module

        return mail(self, name)

    def secret(self, name, file):
        """Return the secret from `name`, from the file named by `name`_FILE, or from `file`.

        `file` is made with a fresh secret and owner-only rights where it is missing.
        """
        value = self.text(name).strip()
        if value:
            return value
        given = self.text(f"{name}_FILE").strip()
        if given:
            try:
                value = Path(given).read_text(encoding="utf-8-sig").strip()
            except (OSError, UnicodeDecodeError):
                raise ImproperlyConfigured(f"{name}_FILE names an unreadable file.") from None
            if not value:
                raise ImproperlyConfigured(f"{name}_FILE names an empty file.")
            return value
        return generated_secret(file)


def has_port(host):
    """Return whether a name of ALLOWED_HOSTS, such as camp.example.org:8443, has a port."""
    return without_port(host) != host


def without_port(host):
    """Return a name of ALLOWED_HOSTS without its port."""
    return re.sub(r"^(\[[^]]*\]|[^:]*):[0-9]+$", r"\1", host)


def load(base_dir):
    """Return an Environment: the real environment, then `.env.local`, then `.env`.

    `CAMP_ENV_FILES` names other files (separated as in PATH); empty means none.
    """

    class Loaded(Environment):
        ENVIRON = dict(os.environ)

    given = os.environ.get("CAMP_ENV_FILES")
    names = [".env.local", ".env"] if given is None else filter(None, given.split(os.pathsep))
    for name in names:
        try:
            text = (base_dir / name).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            raise ImproperlyConfigured(f"{name} cannot be read: it must be UTF-8 text.") from None
        for variable, value in dict(env_file.values(text)).items():
            Loaded.ENVIRON.setdefault(variable, value)
    return Loaded()


def is_pooled(name, query):
    """Return whether `?pgbouncer=true` says that transactions share connections.

    A cursor that outlives its transaction would then be somebody else's. See
    https://docs.djangoproject.com/en/5.2/ref/databases/#transaction-pooling-server-side-cursors
    """
    value = dict(parse_qsl(query)).get("pgbouncer", "").lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}: pgbouncer must be true or false.")
    return value in TRUE


def parsed_size(text):
    """Return the bytes that a text such as `1048576`, `512M` or `5 GiB` means, at least 1.

    Units are powers of 1024. Raises ValueError.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    size = int(float(found[1]) * SIZE_UNITS[found[2]]) if found else 0
    if size < 1:
        raise ValueError(text)
    return size


def sqlite_database(file):
    """Return the settings of an SQLite database that many threads write to.

    IMMEDIATE takes the write lock at the start of a transaction, where waiting
    is possible; see https://docs.djangoproject.com/en/5.2/ref/databases/#sqlite-notes
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
            ),
        },
    }


def split_server_url(name, url, schemes, example=""):
    """Return the parts of a server's URL, decoded, or refuse it by `name`.

    Where it can be read in two ways, as RFC 3986 does and with a raw password, it is refused:
    one of them leads to another server. `example` is such a URL as it should be.
    """
    example = example or EXAMPLES["redis" if "redis" in schemes else "postgresql"]
    found, strict = SERVER_URL.fullmatch(url), STRICT_URL.fullmatch(url)
    if not found or found["scheme"] not in schemes:
        raise ImproperlyConfigured(bad_url(name, example))
    if strict and strict.groupdict() != found.groupdict():
        raise ImproperlyConfigured(f"{name} can be read in two ways. {ENCODE}")
    parts = {key: value or "" for key, value in found.groupdict().items()}
    if parts["port"] and not 0 < int(parts["port"]) < 65536:
        raise ImproperlyConfigured(f"{name} has a port that does not exist.")
    for key in ("user", "password", "name"):
        parts[key] = decode(parts[key])
    return parts


def socket_url(name, url):
    """Return the URL of a Redis that listens on a Unix socket, its reserved characters encoded."""
    found = SOCKET_URL.fullmatch(url)
    if not found:
        raise ImproperlyConfigured(bad_url(name, EXAMPLES["unix"]))
    user, password = (quote(decode(found[key] or ""), safe="") for key in ("user", "password"))
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    query = f"?{found['query']}" if found["query"] else ""
    return f"unix://{login}{found['path']}{query}"


def join_server_url(parts):
    """Return the URL of `split_server_url`'s parts, every reserved character encoded."""
    login = ""
    if parts["user"] or parts["password"]:
        login = f"{quote(parts['user'], safe='')}:{quote(parts['password'], safe='')}@"
    port = f":{parts['port']}" if parts["port"] else ""
    query = f"?{parts['query']}" if parts["query"] and parts["scheme"].startswith("redis") else ""
    return (
        f"{parts['scheme']}://{login}{parts['host']}{port}/{quote(parts['name'], safe='')}{query}"
    )


def decode(text):
    """Undo percent-encoding, unless a lone % shows that the text is raw."""
    return text if re.search(r"%(?![0-9a-fA-F]{2})", text) else unquote(text)


def postgres_options(name, query):
    """Return libpq's options from a query string; `ssl` is asyncpg's word for `sslmode`."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    if "ssl" in options:
        mode = {"true": "require", "false": "disable"}.get(options["ssl"], options["ssl"])
        options.setdefault("sslmode", mode)
    if options.get("sslmode", "prefer") not in SSL_MODES:
        modes = ", ".join(sorted(SSL_MODES))
        raise ImproperlyConfigured(f"{name}: sslmode must be one of {modes}.")
    return {key: value for key, value in options.items() if key in POSTGRES_OPTIONS}


def bad_url(name, example):
    """Return the sentence that refuses a URL without showing it."""
    return f"{name} is not a URL that Camp understands: write {example}. {ENCODE}"


def generated_secret(file):
    """Return the secret kept in `file`, made on first use.

    Written whole under another name and linked into place, so that of two
    processes that start together both end up with the same secret.
    """
    try:
        make_folder(file.parent)
        if not file.exists():
            draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.write(secrets.token_urlsafe(50))
                stream.flush()
                os.fsync(stream.fileno())
            chown_to_folder_owner(draft)
            try:
                os.link(draft, file)
            except FileExistsError:
                pass
            except OSError:
                os.replace(draft, file)
            draft.unlink(missing_ok=True)
        value = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UnwritableFolder(file.parent, error.strerror) from None
    if len(value) < 50:
        raise ImproperlyConfigured(f"{file} holds no usable secret: delete it for a new one.")
    return value
