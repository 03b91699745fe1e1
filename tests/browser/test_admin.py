"""The admin with JavaScript."""

import secrets

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.client]


def test_a_field_with_a_search_is_named_for_screen_readers(visit, camp_server):
    name = f"organiser{secrets.token_hex(4)}"
    camp_server.make_user(name, superuser=True)
    person = visit(locale="en-US")
    person.open("/accounts/login/")
    person.submit({"username": name, "password": "a good long password"})
    # From the cache the page loads before jQuery draws the field.
    for _ in range(5):
        person.open("/admin/files/quota/add/")
        person.page.get_by_role("combobox", name="User").wait_for()
    person.page.get_by_role("combobox", name="User").click()
    person.page.get_by_role("searchbox", name="User").wait_for()
    assert person.console == []
