"""Whatever a request holds, the answer is no error of Camp.

Sends 10,000 generated requests to all addresses: FUZZ_SEED and FUZZ_REQUESTS choose others.
"""

import base64
import json
import os
import random
import re
import traceback
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from accounts.models import User
from files.library.shares import token_of
from files.models import Share, Upload
from sessions_app.models import Session
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.fuzz, pytest.mark.django_db(transaction=True)]

SEED = int(os.environ.get("FUZZ_SEED", "20261128"))
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "10000"))
PEOPLE = ("anonymous", "owner", "viewer", "administrator")
RENEWED_EVERY = 250  # requests: meanwhile they delete what there is
SHOWN = 5  # failures

TEXTS = [
    "", " ", "x", "0", "1", "-1", "2", "9" * 20, "-" + "9" * 30, "1.5", "1e400", "NaN", "٣",
    "²", "None", "null", "true", "[]", "{}", "[1]", "a,b", "1,2", "*", "%", "\\", "'", '"',
    "--", ";", "\0", "a\0b", "\r\n", "\ud800", "\udcff", "\ufffe", "\u202e", "\u200b", "\u00a0",
    "\U000e0041", "東京", "ﾔﾏﾀﾞ", "e\u0301", "\u0344" * 200, "👩‍🚀", "ß", "ẞz", "İ", "straße",
    "a" * 300, "x" * 5000, "a " * 300, "../../etc/passwd", "C:\\con", ".", "..", "~00", "~2F",
    "~", "0001-01-01", "9999-12-31", "0000-00-00", "2026-02-30", "2026-11-28T12:00:00+09:00",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2026-11-28T12:00:00.5",
    "2026-11-28 24:00", "12:00", "-0001-01-01", "99999-01-01T00:00Z",
    "2026-11-28T12:00:00+99:99", "owner", "OWNER@example.org", "a@b", "@", "http://e.example/",
    "//e.example", "javascript:1", "/admin/", "/files/?q=%ff", "?a=b", "#", "on", "yes", "sure",
    "trash", "zip", "share", "move", "delete", "restore", "delete_selected", "restore_selected",
    "deactivate", "name", "-name", "size", "image", "ja", "en", "xx", "Asia/Tokyo", "Mars/Base",
    "id", "user", "logentry", "10G", "1Z", "-5M", "user__id__exact", "password__startswith",
    "filename__regex",
]  # fmt: skip
FIELDS = [
    "q", "p", "o", "all", "e", "after", "before", "sort", "kind", "size", "date", "next",
    "session", "deleted", "id", "ids", "file", "files", "action", "_selected_action",
    "select_across", "index", "_to_field", "_popup", "_changelist_filters", "term", "app_label",
    "model_name", "field_name", "user", "user__id__exact", "session__id__exact", "trash",
    "owner", "role", "valid", "created_at", "created_at__gte", "created_at__lt",
    "is_active__exact", "groups__id__exact", "filename__regex", "username", "password", "email",
    "title", "content", "filename", "language", "time_zone", "post",
]  # fmt: skip
METHODS = [*["GET"] * 8, *["POST"] * 8, "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X-Y"]
TYPES = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=rot13",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=x; charset=hex",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "b" * 300,
    "application/offset+octet-stream",
    "application/json",
    "text/plain; charset=\udcff".encode("utf-8", "ignore").decode(),
    "",
    "x",
]
LENGTHS = ["", "-1", "x", "²", "9" * 30, "9" * 5000]  # that a body may claim
HEADERS = {
    "Range": ["bytes=0-", "bytes=-1", "bytes=9-1", "Bytes=00-", "bytes=,0-", f"bytes={'9' * 40}-"],
    "If-Range": ['"x"', 'W/"x"', "Sat, 28 Nov 2026 00:00:00 GMT", "Sat, 99 Nov 0000 00:00:00 GMT"],
    "If-None-Match": ["*", '"x"', "x", '"' * 9],
    "If-Modified-Since": ["Sat, 28 Nov 2026 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "x"],
    "Accept-Language": ["ja", "en", "x" * 600, "ja;q=9", "../../x", "zh-hant-" * 30, "\xff"],
    "Accept": ["application/json", "text/html", "*/*;q=x", "image/*", ",,,"],
    "Host": ["testserver", "127.0.0.1:6666", "e.example", "a b", "[::1", ":1"],
    "Cookie": ["camp_session=x", "camp_session=" + "a" * 5000, "csrftoken=\xff", "=;="],
    "Tus-Resumable": ["1.0.0", "0.2.2", ""],
    "Upload-Length": ["0", "5", "-1", "9" * 30, "x", ""],
    "Upload-Offset": ["0", "3", "-1", "9" * 30, "x"],
    "Upload-Metadata": [
        "filename YQ==", "filename /w==", "filename", "a b c", ",", "filename AA==",
        "filename YQ==,filetype /w==", "filename YQ==,session eA==", "filename YQ==,replaces OTk5",
    ],
    "Upload-Concat": ["partial", "final;/uploads/1", "x"],
    "Upload-Checksum": ["sha256 x", "sha1 YQ==", "crc 1", "\xff"],
    "Upload-Defer-Length": ["1", "x"],
    "X-HTTP-Method-Override": ["PATCH", "DELETE", "x"],
    "X-Forwarded-For": ["::1", "x", "1.2.3.4, 5.6.7.8", "[::1]:80", ":" * 90],
    "X-Forwarded-Proto": ["https", "x"],
    "X-Request-ID": ["a", "x" * 99, "\xff"],
    "Referer": ["http://testserver/files/", "x", "\xff"],
    "Origin": ["null", "http://e.example"],
}  # fmt: skip


def routes(resolver=None, prefix=""):
    """Return the route of every address, such as "files/<int:pk>/"."""
    found = []
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", str(pattern.pattern)).strip("^$")
        found += [route] if isinstance(pattern, URLPattern) else routes(pattern, route)
    return found


class Fuzzer:
    """Makes requests from a seed, with what an instance of Camp holds."""

    def __init__(self, person, seed):
        self.person = person
        self.chance = random.Random(f"{seed} {person}")
        self.routes = routes()
        self.fields = list(FIELDS)
        self.columns = columns()
        self.known = []  # values that mean something here

    def renew(self):
        """Fill the database again, and log in."""
        User.objects.all().delete()
        Group.objects.all().delete()
        people = {name: make_person(name) for name in PEOPLE[1:]}
        self.known = [str(value) for one in people.values() for value in things_of(one)]
        self.client = Client(raise_request_exception=False)
        if self.person in people:
            self.client.force_login(people[self.person])

    def text(self):
        """Return a value for any place of a request."""
        kind = self.chance.random()
        if kind < 0.4 and self.known:
            return self.chance.choice(self.known)
        if kind < 0.5:
            values = [self.chance.choice([*TEXTS, 1, -1, 2**63, 1.5, None, []]) for _ in range(2)]
            text = json.dumps(values, ensure_ascii=self.chance.random() < 0.5)
            return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")
        return self.chance.choice(TEXTS)

    def escaped(self, text):
        """Return `text` for an address; half of a surrogate pair becomes invalid UTF-8."""
        return quote(text.encode("utf-8", "surrogatepass"), safe="")

    def field(self, path):
        """Return the name of a field, for the admin's pages mostly of their table."""
        own = self.columns.get("/".join(path.split("/")[1:4]))
        return self.chance.choice(own if own and self.chance.random() < 0.6 else self.fields)

    def query(self, path):
        """Return fields and values as they stand in the query of that path."""
        pairs = range(self.chance.choice([0, 1, 1, 2, 4]))
        return "&".join(
            f"{self.escaped(self.field(path))}={self.escaped(self.text())}" for _ in pairs
        )

    def path(self):
        """Return an address, mostly one whose arguments are understood."""
        route = self.chance.choice(self.routes)
        filled = re.sub(r"<[^>]*>", lambda _: self.escaped(self.text()) or "1", route)
        return "/" + filled.replace("\\Z", "").replace("\\", "")

    def body(self, kind, path):
        """Return the bytes of a body for that content type and path."""
        if "multipart" not in kind:
            return self.query(path).encode()
        parts = b""
        for _ in range(self.chance.choice([0, 1, 2, 4])):
            name = self.field(path)
            text = self.text().encode("utf-8", "surrogatepass")
            file = b'; filename="' + text[:80] + b'"' if self.chance.random() < 0.4 else b""
            head = f'--x\r\nContent-Disposition: form-data; name="{name}"'.encode()
            parts += head + file + b"\r\n\r\n" + text + b"\r\n"
        return parts + self.chance.choice([b"--x--\r\n", b"--x--", b"", b"\xff"])

    def headers(self):
        """Return a few headers."""
        names = self.chance.sample(sorted(HEADERS), self.chance.choice([0, 0, 1, 2, 5]))
        if self.chance.random() < 0.7 and "Host" in names:
            names.remove("Host")
        return {name: self.chance.choice(HEADERS[name]) for name in names}

    def request(self):
        """Return the arguments of a request for Client.generic()."""
        kind = self.chance.choice(TYPES[:3] * 3 + TYPES)
        path = self.path()
        query = self.query(path)
        length = {"CONTENT_LENGTH": self.chance.choice(LENGTHS)}
        return {
            "method": self.chance.choice(METHODS),
            "path": path + (f"?{query}" if query else ""),
            "data": self.body(kind, path),
            "content_type": kind,
            "headers": self.headers(),
            **(length if self.chance.random() < 0.03 else {}),
        }

    def learn(self, response):
        """Take the names of the fields of a page."""
        if not response.streaming and len(self.fields) < 400:
            names = re.findall(
                rb'<(?:input|select|textarea|button)[^>]* name="([\w-]+)"', response.content
            )
            self.fields += {name.decode() for name in names} - set(self.fields)


def columns():
    """Return {"admin/app/model": names of parameters and fields that its pages may know}."""
    found = {}
    for model in admin.site._registry:
        names = [one.name for one in model._meta.get_fields()]
        lookups = ("id__exact", "exact", "gte", "lt", "isnull", "regex", "startswith", "in")
        filters = [f"{name}__{lookup}" for name in names for lookup in lookups]
        # As often as the filters, which are several of each.
        own = ["q", "o", "p", "all", "_to_field", "_popup", *names] * len(lookups)
        found[f"admin/{model._meta.app_label}/{model._meta.model_name}"] = own + filters
    return found


def make_person(name):
    """Make one of PEOPLE."""
    staff = name != "owner"
    user = User.objects.create_user(
        name, f"{name}@example.org", PASSWORD, is_staff=staff, is_superuser=name == "administrator"
    )
    if name == "viewer":
        user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


def things_of(user):
    """Give a user a session, a message, files and a link; return what addresses name them by."""
    session = Session.objects.create(user=user, title="Camp")
    message = session.messages.create(content="Hello")
    uploads = [ContentFile(b"text", "a.txt"), ContentFile(b"png", "b.png")]
    client = Client()
    client.force_login(user)
    client.post(reverse("files:upload"), {"files": uploads, "session": session.session_id})
    files = list(user.files.all())
    link = Share.objects.create(user=user, expires_at="2100-01-01T00:00Z")
    link.files.set(files)
    upload = Upload.objects.create(
        user=user, filename="c.txt", content_type="x/y", length=5, expires_at=link.expires_at
    )
    pks = [user.pk, session.pk, message.pk, link.pk, *(file.pk for file in files)]
    names = [session.session_id, upload.pk, token_of(link), user.username]
    return [*pks, *pks, *names, *names]


@pytest.mark.parametrize("person", PEOPLE)
def test_no_request_makes_camp_fail(person):
    print(f"FUZZ_SEED={SEED}")  # noqa: T201
    fuzzer = Fuzzer(person, SEED)
    failures, seen = [], set()
    for number in range(REQUESTS // len(PEOPLE)):
        if number % RENEWED_EVERY == 0:
            fuzzer.renew()
        request = fuzzer.request()
        response = fuzzer.client.generic(**request)
        if response.streaming:
            b"".join(response.streaming_content)
        seen.add(response.status_code)
        if response.status_code >= 500 and not request["path"].startswith("/health/ready"):
            error = (
                "".join(traceback.format_exception(*response.exc_info)[-4:])
                if getattr(response, "exc_info", None)
                else ""
            )
            failures.append(f"{response.status_code} for request {number}: {request}\n{error}")
        elif request["method"] == "GET":
            fuzzer.learn(response)
        response.close()
    assert not failures, f"FUZZ_SEED={SEED}: {len(failures)}\n" + "\n".join(failures[:SHOWN])
    assert {200, 302, 400, 404} <= seen
