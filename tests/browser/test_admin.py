"""The admin in a real browser: every page, on a desk and a phone, and with JavaScript."""

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import User
from tests.browser.conftest import ORGANISER
from tests.browser.test_everyday import DESK, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.client]

MODELS = {one._meta.label_lower.replace(".", "_"): one for one in admin.site._registry}
TARGETS = {"target-size": {"enabled": True}}  # 24 px, WCAG 2.2


@pytest.fixture
def organiser(visit, admin_server):
    """A function that seats the organiser at a browser."""

    def seat(**options):
        person = visit(base_url=admin_server.base_url, **options)
        person.open("/accounts/login/")
        person.submit(ORGANISER)
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


# There are five pages for most models: of every third page some are of each kind and each model.
@pytest.mark.parametrize(
    ("locale", "scheme", "viewport", "step"),
    [("en-US", "light", DESK, 1), ("ja-JP", "dark", PHONE, 3)],
)
def test_every_page_is_accessible_and_fits(organiser, admin_server, locale, scheme, viewport, step):
    person = organiser(locale=locale, color_scheme=scheme, viewport=viewport)
    for number, address in enumerate(pages(admin_server)):
        response = person.page.goto(person.base_url + address)
        if response.status == 403:  # such as a table that only Camp writes
            person.console.clear()
            continue
        assert response.status == 200, address
        if number % step:
            person.check_width()
        else:
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
