"""Nothing that a person uploaded runs in Camp's origin, however it is opened."""

import re
import secrets

import pytest
from playwright.sync_api import Error

from tests.browser.hostile import FILES, as_json, careless_server

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

UPLOAD = """async ([files, token, session]) => {
    const form = new FormData();
    form.append("csrfmiddlewaretoken", token);
    form.append("session", session);
    for (const {name, type, content} of files) {
        const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
        form.append("files", new File([bytes], name, {type}));
    }
    const headers = {Accept: "application/json"};
    const answer = await fetch("/files/upload/", {method: "POST", body: form, headers});
    return await answer.json();
}"""
# Everything by which a page takes code from an address; resolves to the ways that worked.
TAKE_AS_CODE = """addresses => Promise.all(addresses.map(async address => {
    const worked = [];
    const element = (name, fields) => new Promise(done => {
        const made = Object.assign(document.createElement(name), fields);
        made.onload = () => { worked.push(name); done(); };
        made.onerror = done;
        document.head.append(made);
    });
    const tried = (name, promise) => promise.then(() => worked.push(name), () => {});
    await Promise.all([
        element("script", {src: address}),
        element("script", {src: address, type: "module"}),
        element("link", {href: address, rel: "stylesheet"}),
        tried("import", import(address)),
        tried("service worker", navigator.serviceWorker.register(address)),
        new Promise(done => {
            // A worker does not tell that it runs: one that fails tells that at once.
            const timer = setTimeout(() => { worked.push("worker"); done(); }, 10_000);
            const failed = () => { clearTimeout(timer); done(); };
            try { new Worker(address).onerror = failed; } catch { failed(); }
        }),
    ]);
    return worked;
}))"""
SHOW = """addresses => Promise.all(addresses.flatMap(address => [
    ...["img", "video", "audio"].map(name => new Promise(done => {
        const made = document.createElement(name);
        made.onload = made.onloadeddata = made.onerror = done;
        made.src = address;
        document.body.append(made);
    })),
    ...["iframe", "embed", "object"].map(name => {
        const made = document.createElement(name);
        made.src = made.data = address;
        document.body.append(made);
    }),
]))"""


class Watched:
    """A page, and every sign that a file ran."""

    def __init__(self, page):
        self.page, self.signs = page, []
        context = page.context
        context.expose_binding("canary", lambda source: self.signs.append(source["page"].url))
        context.on("request", lambda request: self.heard(request.url))
        context.on("dialog", self.asked)

    def heard(self, address):
        if address.endswith("/canary"):
            self.signs.append(address)

    def asked(self, dialog):
        self.signs.append(dialog.message)
        dialog.dismiss()

    def open(self, address):
        """Go there; where that saves a file instead of showing one, stay; return the status."""
        try:
            return self.page.goto(address).status
        except Error as error:
            if "Download is starting" not in error.message:
                raise
            return "saved"

    def clean(self, where):
        """Fail if there is a sign."""
        assert self.signs == [], where
        assert self.page.title() != "canary", where

    def ran(self):
        """Wait until there is a sign, and forget it."""
        for _ in range(100):
            if self.signs:
                break
            self.page.wait_for_timeout(50)
        found, self.signs[:] = bool(self.signs), []
        return found


@pytest.fixture(scope="module")
def organiser(camp_server):
    """The name of somebody whom even the admin's pages of the files are open to."""
    name = f"organiser{secrets.token_hex(4)}"
    camp_server.make_user(name, superuser=True)
    return name


@pytest.fixture
def watched(visit, organiser):
    """The organiser's browser, logged in and watched."""
    person = visit(locale="en-US")
    person.open("/accounts/login/")
    person.submit({"username": organiser, "password": "a good long password"})
    return Watched(person.page)


@pytest.fixture
def kept(watched):
    """The ids of FILES, in a session that the page is on."""
    page = watched.page
    page.goto("/sessions/new/")
    page.locator("main [name=title]").fill("Hostile")
    with page.expect_navigation():
        page.locator("main form button").last.click()
    session = page.url.rstrip("/").rpartition("/")[2]
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    answer = page.evaluate(UPLOAD, [[as_json(file) for file in FILES], token, session])
    assert answer["errors"] == []
    page.reload()
    watched.clean("the session")
    return [file["id"] for file in answer["files"]]


def share(page, ids):
    """Make a link to files; returns its address."""
    page.goto("/files/links/new/?" + "&".join(f"id={pk}" for pk in ids))
    with page.expect_navigation():
        page.locator("main form button").last.click()
    return re.search(r"/s/[^/\s\"]+/", page.content())[0]


def guards(page, address):
    """Return what an answer says that keeps its bytes from running."""
    headers = page.request.head(address).headers
    names = ("content-type", "content-disposition", "content-security-policy")
    return [headers[name] for name in (*names, "x-content-type-options")]


def test_what_is_uploaded_does_not_run(watched, kept):
    page = watched.page
    shared = share(page, kept)
    for address in ("/files/", shared, "/files/links/", "/admin/files/file/"):
        assert watched.open(address) == 200
        watched.clean(address)
    for pk, file in zip(kept, FILES, strict=True):
        assert watched.open(f"/files/{pk}/") == 200
        watched.clean((file, "page"))
        # What answers 404 shows nothing; only these types are shown as they are.
        inline = watched.open(f"/files/{pk}/inline/")
        assert inline == 404 or file.type.startswith(("audio", "video", "application/pdf"))
        watched.clean((file, "inline"))
        assert watched.open(f"/files/{pk}/download/") == "saved", file
        watched.clean((file, "download"))
        guarded = guards(page, f"/files/{pk}/download/")
        for address in (f"{shared}{pk}/", f"/admin/files/file/{pk}/download/"):
            assert guards(page, address) == guarded, (file, address)
    for address in (f"/admin/files/file/{kept[-1]}/change/", f"{shared}{kept[0]}/"):
        assert watched.open(address) in (200, "saved")
        watched.clean(address)


def test_what_is_uploaded_is_no_code_of_a_page(watched, kept, camp_server):
    page = watched.page
    addresses = [f"{camp_server.base_url}/files/{pk}/download/" for pk in kept]
    with careless_server() as elsewhere:
        for start in ("/files/", elsewhere):
            page.goto(start)
            assert not any(page.evaluate(TAKE_AS_CODE, addresses)), start
            page.evaluate(SHOW, addresses)
            watched.clean(start)


def test_the_same_bytes_run_where_nothing_prevents_it(chromium):
    with careless_server() as address:
        page = chromium.new_page(base_url=address)
        watched = Watched(page)
        for number, file in enumerate(FILES):
            if file.runs == "opened":
                watched.open(f"/{number}")
            elif file.runs == "script":
                page.goto("/")
                page.add_script_tag(url=f"/{number}")
            assert not file.runs or watched.ran(), file
        page.context.close()
