"""The admin in a real browser: every page, on a desk and a phone, and with JavaScript."""

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import User
from tests.browser.test_everyday import DESK, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.client]

MODELS = {one._meta.label_lower.replace(".", "_"): one for one in admin.site._registry}
PASSWORD = "a good long password"
TARGETS = {"target-size": {"enabled": True}}  # 24 px, WCAG 2.2
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


@pytest.fixture(scope="module")
def admin_server(camp_server_factory):
    """A server with rows in every table of the admin."""
    server = camp_server_factory().start()
    server.make_user("organiser", PASSWORD, superuser=True)
    server.manage("demo", "--users", "3", "--sessions", "12", "--files", "40")
    server.manage("shell", "-v", "0", "-c", FILL)
    return server


@pytest.fixture
def organiser(visit, admin_server):
    """A function that seats the organiser at a browser."""

    def seat(**options):
        person = visit(base_url=admin_server.base_url, **options)
        person.open("/accounts/login/")
        person.submit({"username": "organiser", "password": PASSWORD})
        return person

    return seat


def last_key(server, model):
    """Return the primary key of a row."""
    table, column = model._meta.db_table, model._meta.pk.column
    return server.query(f"SELECT {column} FROM {table} ORDER BY 1 DESC")[0][0]


def pages(server):
    """Yield the address of every kind of page that the admin has; downloads are none."""
    yield from ("/admin/", "/admin/accounts/", "/admin/files/file/?trash=yes&q=nothing")
    yield from ("/admin/search/?q=camp", "/admin/search/?q=nothing%20at%20all")
    for name, model in MODELS.items():
        yield reverse(f"admin:{name}_changelist")
        yield reverse(f"admin:{name}_add")
        for pattern in admin.site._registry[model].urls:
            is_of_row = pattern.name and pattern.pattern.regex.groups == 1
            if is_of_row and not pattern.name.endswith(("_download", "_export")):
                yield reverse(f"admin:{pattern.name}", args=[last_key(server, model)])


@pytest.mark.parametrize(
    ("locale", "scheme", "viewport"), [("en-US", "light", DESK), ("ja-JP", "dark", PHONE)]
)
def test_every_page_is_accessible_and_fits(organiser, admin_server, locale, scheme, viewport):
    person = organiser(locale=locale, color_scheme=scheme, viewport=viewport)
    for address in pages(admin_server):
        response = person.page.goto(person.base_url + address)
        if response.status == 403:  # such as a table that only Camp writes
            person.console.clear()
            continue
        assert response.status == 200, address
        person.check(rules=TARGETS)
        assert_tables_fit(person.page)


def test_lists_fit_in_japanese_too(organiser):
    person = organiser(locale="ja-JP", viewport=DESK)
    for name in MODELS:
        person.open(reverse(f"admin:{name}_changelist"))
        assert_tables_fit(person.page)


def assert_tables_fit(page):
    """Fail if a table is wider than its box."""
    wide = page.evaluate(
        """[...document.querySelectorAll(".results, .inline-group")]
        .filter((box) => box.scrollWidth > box.clientWidth).length"""
    )
    assert not wide, f"{page.url} has a table wider than its box"


def test_a_row_is_found_and_chosen_with_the_keyboard(organiser):
    person = organiser(locale="en-US")
    person.open("/admin/files/quota/add/")
    field = person.page.get_by_role("combobox", name="User")
    field.press_sequentially("organ")
    person.page.get_by_role("option", name="organiser").first.wait_for()
    person.check(rules=TARGETS)
    field.press("ArrowDown")
    field.press("Enter")
    assert field.input_value().startswith("organiser")
    assert person.page.locator("select[name=user]").input_value() == "1"
    # What is no choice is not sent.
    field.fill("nobody at all")
    person.page.get_by_role("status").get_by_text("Nothing found").wait_for()
    field.press("Tab")
    assert field.input_value().startswith("organiser")
    assert person.console == []


def test_several_rows_are_chosen_and_removed(organiser, admin_server):
    person = organiser(locale="en-US")
    person.open(f"/admin/accounts/user/{last_key(admin_server, User)}/change/")
    person.page.get_by_role("combobox", name="Groups").click()
    person.page.get_by_role("option", name="Moderators").click()
    remove = person.page.get_by_role("button", name="Remove: Moderators")
    remove.wait_for()
    person.check(rules=TARGETS)
    with person.page.expect_navigation():
        person.page.get_by_role("button", name="Save and continue editing").click()
    remove.click()
    assert person.page.locator("select[name=groups] option:checked").count() == 0


def test_rows_are_cards_on_a_phone_without_javascript(organiser):
    person = organiser(locale="en-US", viewport=PHONE, java_script_enabled=False)
    person.open("/admin/files/file/")
    cells = person.page.locator("#result_list tbody tr").first.locator("th, td")
    tops = [cell.bounding_box()["y"] for cell in cells.all()[1:]]
    assert tops == sorted(set(tops)), "each value has its own line"
    assert "Kind" in person.page.locator("td.field-kind").first.evaluate(
        "(cell) => getComputedStyle(cell, '::before').content"
    )


def test_the_address_of_a_filtered_list_is_copied(organiser):
    person = organiser(locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    person.open("/admin/files/file/?kind=image")
    person.page.locator("[name=created_at__gte]").fill("2020-01-31")
    with person.page.expect_navigation():
        person.page.get_by_role("button", name="Filter by dates").click()
    person.page.get_by_role("button", name="Copy this list’s address").click()
    person.page.get_by_role("status").get_by_text("Copied.").wait_for()
    copied = person.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("?kind=image&created_at__gte=2020-01-31&created_at__lte=")
    person.page.goto(copied)
    assert person.page.locator("[name=created_at__gte]").last.input_value() == "2020-01-31"
