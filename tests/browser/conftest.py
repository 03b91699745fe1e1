"""A real Chromium for the tests that walk pages as a person would."""

import os
import secrets
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

from tests.browser.line import Line

AXE = Path(__file__).resolve().parent.parent / "vendor" / "axe" / "axe.min.js"
BINARIES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
FLAGS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium; where there is none, CI fails and others are told that they skip."""
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright.chromium)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"No Chromium, Chrome or Edge was found: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


def launch(chromium):
    """Start the Chromium of the machine, or else the one that playwright looks for."""
    found = next(filter(None, map(shutil.which, BINARIES)), None)
    # Chromium's sandbox refuses root.
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    flags = [*FLAGS, "--no-sandbox"] if root else FLAGS
    return chromium.launch(executable_path=found, args=flags)


MESSAGES = "[data-live] article"
PASSWORD = "tent under the stars 7"
ORGANISER = {"username": "organiser", "password": "a good long password"}
# A row of each table that `demo` leaves empty.
FILL = """
from datetime import timedelta
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from accounts.models import AttemptCounter, FormerLogEntry, User
from files.models import File, Quota, Share, Upload
person = User.objects.filter(is_staff=False).first()
organiser = User.objects.get(username="organiser")
soon = timezone.now() + timedelta(hours=1)
Quota.objects.create(user=person, limit=5 * 2**30)
Share.objects.create(user=person, expires_at=soon).files.add(*File.objects.filter(user=person)[:3])
Upload.objects.create(user=person, filename="合宿の記録 " * 20 + ".mp4", length=9, expires_at=soon)
AttemptCounter.objects.create(
    kind="login", user=person, address="2001:db8:85a3:8d3:1319:8a2e:370:7348", ends_at=soon
)
change = {
    "action_time": timezone.now(),
    "action_flag": CHANGE,
    "content_type": ContentType.objects.get_for_model(User),
    "object_repr": "a" * 200,
    "change_message": '[{"changed": {"fields": ["Organiser"]}}]',
}
LogEntry.objects.create(user=organiser, object_id=person.pk, **change)
FormerLogEntry.objects.create(former_pk=1, **change)
"""


class Person:
    """Somebody at a browser: a page, what went wrong on it, and an accessibility check."""

    def __init__(self, page, base_url):
        self.page, self.context, self.base_url = page, page.context, base_url
        self.console, self.foreign = [], []
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", self.requested)

    def heard(self, message):
        if message.type == "error":
            self.console.append(f"{self.page.url}: {message.text}")

    def requested(self, request):
        if not request.url.startswith((self.base_url, "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self, path):
        """Go to an address of Camp."""
        self.page.goto(self.base_url + path)

    def submit(self, fields, within="main form"):
        """Fill a form by field names and send it with its last button."""
        form = self.page.locator(within).last
        for name, value in fields.items():
            form.locator(f"[name={name}]").fill(value)
        with self.page.expect_navigation():
            form.locator("button:not([type=button])").last.click()

    def send(self, text):
        """Write a message on the page of a session, and wait until it is there."""
        count = self.page.locator(MESSAGES).count()
        field = self.page.locator("form[data-compose] textarea")
        field.fill(text)
        field.press("Control+Enter")
        self.page.locator(MESSAGES).nth(count).wait_for()

    def check_width(self):
        """Fail if the page scrolls sideways."""
        self.page.wait_for_load_state()  # a click returns as soon as the next page begins
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{self.page.url} scrolls sideways by {wide} px"

    def check(self, rules=None):
        """Fail if the page is hard to use: axe's rules, a sideways scroll, console errors.

        `rules` enables or disables rules of axe.
        """
        self.check_width()
        # Evaluated by the debugger, which the Content-Security-Policy does not bind.
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        # Loading style sheets again, axe would insert some that the policy refuses.
        options = {"resultTypes": ["violations"], "preload": False, "rules": rules or {}}
        found = self.page.evaluate("(options) => axe.run(options)", options)["violations"]
        problems = [
            f"{rule['id']}: {node['html'][:200]} — {node['failureSummary']}"
            for rule in found
            for node in rule["nodes"]
        ]
        assert not problems, f"{self.page.url}\n" + "\n".join(problems)
        assert self.console == []
        assert self.foreign == []


def send_form(person, path, **fields):
    """Send a form from the person's browser without opening its page; returns the response."""
    response = person.context.request.post(
        person.base_url + path, form={"csrfmiddlewaretoken": csrf_token(person), **fields}
    )
    assert response.ok, response.text()
    return response


def csrf_token(person):
    """Return a token for forms that are sent from the person's browser."""
    person.context.request.get(f"{person.base_url}/accounts/login/")
    cookies = person.context.cookies(person.base_url)
    return next(cookie["value"] for cookie in cookies if cookie["name"] == "csrftoken")


def sign_up(person):
    """Make an account and log in, without opening a page; returns its name."""
    name = f"hana{secrets.token_hex(4)}"
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    send_form(person, "/accounts/signup/", username=name, email=f"{name}@example.org", **passwords)
    return name


def start_session(person, title="Notes"):
    """Start a session and open its page; returns its path."""
    address = send_form(person, "/sessions/new/", title=title).url
    person.page.goto(address)
    return address.removeprefix(person.base_url)


@pytest.fixture
def visit(chromium, camp_server):
    """A function that seats a new Person at the shared server, or at the one of a `base_url`."""
    contexts = []

    def make(**options):
        seat = {"viewport": {"width": 1280, "height": 900}, "base_url": camp_server.base_url}
        options = seat | options
        context = chromium.new_context(**options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        return Person(context.new_page(), options["base_url"])

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def admin_server(camp_server_factory):
    """A server with an ORGANISER, and rows in every table of the admin."""
    server = camp_server_factory().start()
    server.make_user(ORGANISER["username"], ORGANISER["password"], superuser=True)
    server.manage("demo", "--users", "3", "--sessions", "12", "--files", "40")
    server.manage("shell", "-v", "0", "-c", FILL)
    return server


@pytest.fixture(scope="module")
def account(chromium, camp_server):
    """Somebody who is logged in: what their browser knows of it."""
    context = chromium.new_context(base_url=camp_server.base_url)
    sign_up(Person(context.new_page(), camp_server.base_url))
    yield context.storage_state()
    context.close()


@pytest.fixture
def person(visit, account):
    """The same person in each test, on the list of their files."""
    person = visit(locale="en-US", storage_state=account)
    person.open("/files/")
    return person


@pytest.fixture
def wired(visit, account, camp_server):
    """The same person, on a `line` that can be cut."""
    line = Line(camp_server.base_url)
    # Cookies do not know of ports.
    person = visit(locale="en-US", storage_state=account, base_url=line.base_url)
    person.line = line
    person.open("/files/")
    yield person
    line.close()
