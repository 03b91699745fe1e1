"""What answers at an address, asked in PostgreSQL's own protocol.

The library only gives sentences, in the language of the server; on the wire there are
codes, which tell a wrong password from a missing database.
"""

import contextlib
import getpass
import socket
import ssl
import struct
from dataclasses import dataclass

from camp.operations.diagnostics import scram

SSL_REQUEST = struct.pack(">ii", 8, 80877103)
VERSION_3 = 196608
MOST = 100_000  # bytes of one message; longer ones are no PostgreSQL's
SASL, SASL_CONTINUE, SASL_FINAL = 10, 11, 12

# What there is at an address
UNKNOWN_HOST, NOTHING, SILENT, STRANGE = "unknown host", "nothing", "silent", "strange"
WANTS_MORE, LETS_IN, REFUSES = "wants more", "lets in", "refuses"


@dataclass(frozen=True)
class Answer:
    """What came back; `code` and `routine` are PostgreSQL's, where it refuses."""

    kind: str
    code: str = ""
    routine: str = ""
    why: str = ""


@dataclass(frozen=True)
class Login:
    """Who wants to get into which database; no password is sent where it is "" ."""

    user: str
    name: str
    password: str = ""


class _Strange(Exception):
    """That is not how PostgreSQL speaks."""


def ask(host, port, login, patience=2.0):
    """Return the Answer to a Login.

    A `host` with a slash is the folder of a socket. `patience` is in seconds, for each step.
    """
    try:
        server = _connected(host, port, patience)
    except (socket.gaierror, UnicodeError):
        return Answer(UNKNOWN_HOST)
    except OSError as error:
        return Answer(NOTHING, why=error.strerror or str(error))
    try:
        with contextlib.closing(server):
            return _conversation(server, login)
    except TimeoutError:
        return Answer(SILENT)
    except (OSError, _Strange, struct.error):
        return Answer(STRANGE)


def _connected(host, port, patience):
    if not host.startswith("/"):
        return socket.create_connection((host, int(port)), timeout=patience)
    server = socket.socket(socket.AF_UNIX)
    server.settimeout(patience)
    try:
        server.connect(f"{host}/.s.PGSQL.{port}")
    except OSError:
        server.close()
        raise
    return server


def _conversation(server, login):
    if server.family == getattr(socket, "AF_UNIX", None):
        return _introduction(server, login)
    server.sendall(SSL_REQUEST)
    agreed = _exactly(server, 1)
    if agreed == b"N":
        return _introduction(server, login)
    if agreed != b"S":
        raise _Strange
    # Whose certificate it is does not matter here: no password goes over in clear.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(server) as secured:
        return _introduction(secured, login)


def _introduction(server, login):
    """Say who one is, and answer what is asked until there is an Answer."""
    user = login.user or getpass.getuser()
    pairs = [b"user", user.encode(), b"database", login.name.encode(), b"", b""]
    _send(server, b"", struct.pack(">i", VERSION_3) + b"\0".join(pairs))
    exchange = scram.Exchange(login.password)
    while True:
        kind, message = _message(server)
        if kind == b"E":
            return _refusal(message)
        if kind == b"Z":
            _send(server, b"X", b"")
            return Answer(LETS_IN)
        if kind == b"R" and message != bytes(4):
            reply = _reply(exchange, message)
            if not (login.password and reply is not None):
                return Answer(WANTS_MORE)
            if reply:
                _send(server, b"p", reply)


def _reply(exchange, message):
    """Return what to answer to a question for the password, or None where nothing will do.

    One that is asked for in clear, or with a broken digest, is kept: whoever listens at the
    address may not be who they seem.
    """
    [method], rest = struct.unpack(">i", message[:4]), message[4:]
    if method == SASL and scram.NAME in rest.split(b"\0"):
        first = exchange.first()
        return scram.NAME + b"\0" + struct.pack(">i", len(first)) + first
    if method == SASL_CONTINUE:
        try:
            return exchange.final(rest)
        except (KeyError, ValueError):
            raise _Strange from None
    return b"" if method == SASL_FINAL else None


def _refusal(message):
    fields = {part[:1]: part[1:].decode(errors="replace") for part in message.split(b"\0")}
    if b"C" not in fields:
        raise _Strange
    return Answer(REFUSES, fields[b"C"], fields.get(b"R", ""))


def _send(server, kind, body):
    server.sendall(kind + struct.pack(">i", len(body) + 4) + body)


def _message(server):
    """Return the kind and the body of the next message."""
    kind, [length] = _exactly(server, 1), struct.unpack(">i", _exactly(server, 4))
    if kind not in b"ERSKZNv" or not 4 <= length <= MOST:
        raise _Strange
    return kind, _exactly(server, length - 4)


def _exactly(server, count):
    """Return so many bytes; raises _Strange where the other side ends before."""
    found = b""
    while len(found) < count:
        more = server.recv(count - len(found))
        if not more:
            raise _Strange
        found += more
    return found
