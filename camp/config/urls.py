"""The URLs of servers (database, Redis, e-mail) as people write them.

Passwords may contain reserved characters, raw or percent-encoded; a URL is normalised for
django-environ or refused by the name of its variable, and never shown.
"""

import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from camp.config.env import parse_boolean

# What libpq understands; drivers of other languages put more into their URLs.
POSTGRES_OPTIONS = {
    "application_name", "channel_binding", "client_encoding", "connect_timeout",
    "gssencmode", "host", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "options", "passfile", "sslcert", "sslcrl", "sslkey",
    "sslmode", "sslpassword", "sslrootcert", "target_session_attrs",
    "tcp_user_timeout",
}  # fmt: skip
SSL_MODES = ["allow", "disable", "prefer", "require", "verify-ca", "verify-full"]
EMAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465, "smtp+ssl": 465}
EMAIL_WITHOUT_SERVER = ("consolemail", "filemail", "memorymail", "dummymail")
# A URL with a login and a host. RFC 3986 percent-encodes every reserved character; people write
# passwords raw, so LOOSE reads up to the last "@" as password.
PATTERN = (
    r"(?P<scheme>[a-z][a-z0-9]*)(?:\+[a-z0-9_]+)?://"
    r"(?:(?P<user>{user})(?::(?P<password>{raw}))?@)?"
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^@/?#:\[\]]*)(?::(?P<port>\d*))?"
    r"(?:/(?P<name>[^?#@]*))?(?:\?(?P<query>{query}))?"
)
PAIRS = "(?:[^=&#]+=[^&#]*(?:&[^=&#]+=[^&#]*)*)?"
STRICT = re.compile(PATTERN.format(user="[^:@/?#]*", raw="[^@/?#]*", query=PAIRS), re.DOTALL)
LOOSE = re.compile(PATTERN.format(user="[^:/?#]*", raw=".*", query="[^#]*"), re.DOTALL)
SOCKET = re.compile(
    r"unix://(?:(?P<user>[^:/?#]*)(?::(?P<password>.*))?@)?(?P<path>/[^?#@]*)(?:\?(?P<query>[^#@]*))?",
    re.DOTALL,
)
ENCODE = (
    "In the user name and the password write @ as %40, # as %23, / as %2F, ? as %3F, : as %3A "
    "and % as %25."
)
POSTGRES_EXAMPLE = "postgresql://user:password@localhost:5432/camp_backend_db"
REDIS_EXAMPLE = "redis://user:password@localhost:6379/0"
SOCKET_EXAMPLE = "unix://user:password@/run/redis/redis.sock?db=0"
EMAIL_EXAMPLE = "smtp+tls://user:password@smtp.example.org:587"


def read_site(env, name, expected="an address such as https://camp.example.org"):
    """Return the address of a site alone, without a slash at its end, or "" if none is set."""

    def parse_site(value):
        parts = urlsplit(value.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError(value)
        if parts.port == 0:
            raise ValueError(value)
        if parts.path or parts.query or parts.fragment or re.search(r"\s", value):
            raise ValueError(value)
        return parts.geturl()

    return env.parse(name, "", parse_site, expected)


def read_database(env, name, default_file):
    """Return a Django database dict for SQLite or PostgreSQL.

    Accepts the URLs of SQLAlchemy, such as `postgresql+asyncpg://…?ssl=disable`.
    """
    url = env.text(name).strip()
    if not url:
        return sqlite_database(default_file)
    if url.startswith("sqlite"):
        file = re.sub(r"^sqlite(\+\w+)?:(//)?/?", "", url)
        if not file or file == ":memory:":
            message = f"{name} must name a file: sqlite:///path/to/camp.sqlite3"
            raise ImproperlyConfigured(message)
        return sqlite_database(default_file.parent / unquote(file))
    schemes = {"postgres", "postgresql", "psql", "pgsql"}
    parts = split_url(name, url, schemes, POSTGRES_EXAMPLE)
    if not parts["name"]:
        raise ImproperlyConfigured(f"{name} names no database: end it with /camp_backend_db.")
    query = dict(parse_qsl(parts["query"], keep_blank_values=True))
    pooled = read_flag(name, query, "pgbouncer")
    options = {"connect_timeout": "5"} | postgres_options(name, query)
    config = env.db_url_config(join_url(parts | {"scheme": "postgresql", "query": ""}))
    return config | {
        "HOST": options.pop("host", "") or config["HOST"],
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,  # seconds
        "CONN_HEALTH_CHECKS": True,
        # https://docs.djangoproject.com/en/5.2/ref/databases/#transaction-pooling-server-side-cursors
        "DISABLE_SERVER_SIDE_CURSORS": pooled,
    }


def sqlite_database(file):
    """Return the database dict of an SQLite file that many threads write to.

    IMMEDIATE takes the write lock at the start of a transaction, where waiting is possible;
    see https://docs.djangoproject.com/en/5.2/ref/databases/#sqlite-notes
    """
    pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas},
        "CONN_MAX_AGE": 60,  # seconds; to open the file and prepare the connection takes 0.5 ms
    }


def postgres_options(name, query):
    """Return libpq's options of a URL's query; `ssl` is asyncpg's word for `sslmode`."""
    if "ssl" in query:
        mode = {"true": "require", "false": "disable"}.get(query["ssl"], query["ssl"])
        query = {"sslmode": mode} | query
    if query.get("sslmode", "prefer") not in SSL_MODES:
        raise ImproperlyConfigured(f"{name}: sslmode must be one of {', '.join(SSL_MODES)}.")
    return {key: value for key, value in query.items() if key in POSTGRES_OPTIONS}


def read_redis(env, name):
    """Return a normalised `redis://`, `rediss://` or `unix://` URL, or "" if none is set."""
    url = env.text(name).strip()
    if not url.startswith("unix:"):
        return join_url(split_url(name, url, {"redis", "rediss"}, REDIS_EXAMPLE)) if url else ""
    found = SOCKET.fullmatch(url)
    if not found:
        raise bad_url(name, SOCKET_EXAMPLE)
    query = f"?{found['query']}" if found["query"] else ""
    login = join_login(decode(found["user"] or ""), decode(found["password"] or ""))
    return f"unix://{login}{found['path']}{query}"


def read_email(env, name):
    """Return Django's EMAIL_* settings; none is sent if no URL is set.

    `smtp+tls` is STARTTLS (RFC 3207), `smtps` and `smtp+ssl` are TLS from the first byte
    (RFC 8314), `smtp` is not encrypted.
    """
    url = env.text(name).strip() or "dummymail://"
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if separator and scheme in EMAIL_WITHOUT_SERVER:
        return env.email_url_config(f"{scheme}://{rest}")
    if not separator or scheme not in EMAIL_PORTS:
        raise bad_url(name, EMAIL_EXAMPLE)
    parts = split_url(name, f"smtp://{rest}", {"smtp"}, EMAIL_EXAMPLE)
    if not parts["host"] or parts["name"]:
        raise bad_url(name, EMAIL_EXAMPLE)
    port = int(parts["port"] or EMAIL_PORTS[scheme])
    if scheme == "smtps" and port in (25, 587):
        raise ImproperlyConfigured(
            f"{name}: smtps:// is TLS from the first byte, which servers offer on port 465. For "
            f"port {port} write smtp+tls://, or smtp+ssl:// if this server really begins with TLS."
        )
    query = {key.upper(): value for key, value in parse_qsl(parts["query"])}
    config = {
        **env.email_url_config(join_url(parts | {"query": ""})),
        "EMAIL_HOST_USER": parts["user"],
        "EMAIL_HOST_PASSWORD": parts["password"],
        "EMAIL_PORT": port,
        "EMAIL_USE_TLS": read_flag(name, query, "EMAIL_USE_TLS", scheme == "smtp+tls"),
        "EMAIL_USE_SSL": read_flag(name, query, "EMAIL_USE_SSL", scheme in ("smtps", "smtp+ssl")),
    }
    if config["EMAIL_USE_TLS"] and config["EMAIL_USE_SSL"]:
        raise ImproperlyConfigured(f"{name}: EMAIL_USE_TLS and EMAIL_USE_SSL exclude each other.")
    return config


def read_flag(name, query, key, default=False):
    """Return a bool of a URL's query."""
    try:
        return parse_boolean(query[key]) if key in query else default
    except ValueError:
        raise ImproperlyConfigured(f"{name}: {key} must be true or false.") from None


def split_url(name, url, schemes, example):
    """Return the decoded parts of a URL; raises ImproperlyConfigured, which shows the `example`.

    A URL that means one server with a raw password and another by RFC 3986 is refused.
    """
    found, strict = LOOSE.fullmatch(url), STRICT.fullmatch(url)
    if not found or found["scheme"] not in schemes:
        raise bad_url(name, example)
    if strict and strict.groupdict() != found.groupdict():
        raise ImproperlyConfigured(f"{name} can be read in two ways. {ENCODE}")
    parts = {key: value or "" for key, value in found.groupdict().items()}
    if parts["port"] and not 0 < int(parts["port"]) < 65536:
        raise ImproperlyConfigured(f"{name} has a port that does not exist.")
    return parts | {key: decode(parts[key]) for key in ("user", "password", "name")}


def join_url(parts):
    """Return the URL of the parts of `split_url`, every reserved character encoded."""
    port = f":{parts['port']}" if parts["port"] else ""
    query = f"?{parts['query']}" if parts["query"] else ""
    login = join_login(parts["user"], parts["password"])
    name = quote(parts["name"], safe="")
    return f"{parts['scheme']}://{login}{parts['host']}{port}/{name}{query}"


def join_login(user, password):
    """Return the login of a URL, up to its "@", encoded; "" if there is none."""
    secret = f":{quote(password, safe='')}" if password else ""
    return f"{quote(user, safe='')}{secret}@" if user or password else ""


def decode(text):
    """Undo percent-encoding, unless a lone % shows that the text is raw."""
    return text if re.search(r"%(?![0-9a-fA-F]{2})", text) else unquote(text)


def bad_url(name, example):
    """Return the exception that refuses a URL without showing it."""
    sentence = f"{name} is not a URL that Camp understands: write {example}. {ENCODE}"
    return ImproperlyConfigured(sentence)
