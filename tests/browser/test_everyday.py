"""The everyday path, walked in a real browser: in both languages, on a phone, without JS."""

import re
import secrets

import pytest

from tests.browser.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.client]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
NOT_JAPANESE = re.compile(r"[a-z]{4,}(?: [a-z]{2,}){2,}")  # three English words in a row


def sign_up_by_form(person):
    """Make an account through the form; returns its name."""
    name = f"hana{secrets.token_hex(4)}"
    person.open("/accounts/signup/")
    person.submit(
        {
            "username": name,
            "email": f"{name}@example.org",
            "password1": PASSWORD,
            "password2": PASSWORD,
        }
    )
    return name


def log_out(person):
    page = person.page
    page.locator("header details:has(form[action='/accounts/logout/']) > summary").click()
    with page.expect_navigation():
        page.locator("form[action='/accounts/logout/'] button").click()


@pytest.mark.parametrize(
    ("locale", "scheme", "viewport"),
    [("ja-JP", "dark", PHONE), ("en-US", "light", DESK)],
)
def test_sign_up_write_upload_download_log_out(visit, tmp_path, locale, scheme, viewport):
    person = visit(locale=locale, color_scheme=scheme, viewport=viewport)
    page = person.page
    language = locale[:2]

    def looks_right():
        assert page.locator("html").get_attribute("lang") == language
        if language == "ja":
            text = page.locator("body").inner_text()
            assert not NOT_JAPANESE.findall(text), page.url
        person.check()

    person.open("/")
    looks_right()
    person.open("/accounts/login/")
    looks_right()
    person.open("/accounts/signup/")
    looks_right()
    name = sign_up_by_form(person)
    assert page.url == f"{person.base_url}/"
    looks_right()

    person.open("/sessions/")
    looks_right()
    person.open("/sessions/new/")
    looks_right()
    person.submit({"title": ""})
    looks_right()
    person.send("# 合宿一日目\n\n**薪**を割った。")
    assert page.locator("h1").inner_text() == "合宿一日目"
    assert page.locator("main strong", has_text="薪").count() == 1
    looks_right()

    page.locator("form[data-compose] textarea").fill("ふたつめ")
    page.locator("form[data-compose] textarea").press("Enter")
    page.locator("form[data-compose] textarea").press_sequentially("つづき")
    page.locator("form[data-compose] textarea").press("Control+Enter")
    page.locator("[data-live]").get_by_text("つづき").wait_for()

    original = tmp_path / "合宿　しおり（最終）.txt"
    original.write_bytes("持ち物\n".encode() * 1000)
    person.open("/files/")
    looks_right()
    person.open("/files/upload/")
    looks_right()
    page.locator("main input[type=file]").set_input_files(original)
    page.get_by_role("link", name=original.name).first.wait_for()
    looks_right()
    person.open("/files/")
    looks_right()
    page.get_by_role("link", name=original.name).first.click()
    looks_right()
    with page.expect_download() as started:
        page.locator("main a[href$='/download/']").first.click()
    download = started.value
    assert download.suggested_filename == original.name
    assert download.path().read_bytes() == original.read_bytes()

    person.open("/accounts/profile/")
    assert page.locator("[name=username]").input_value() == name
    looks_right()

    log_out(person)
    looks_right()
    person.open("/files/")
    assert "/accounts/login/" in page.url


def test_every_task_works_without_javascript(visit, tmp_path):
    person = visit(java_script_enabled=False, locale="en-US")
    page = person.page
    sign_up_by_form(person)
    person.open("/sessions/new/")
    person.submit({"title": "No script"})
    person.submit({"content": "Hello"}, within="form[data-compose]")
    assert page.get_by_text("Hello", exact=True).count() == 1

    names = ["one.txt", "two.txt"]
    for name in names:
        (tmp_path / name).write_text(name)
    person.open("/files/upload/")
    page.locator("main input[type=file]").set_input_files([tmp_path / name for name in names])
    with page.expect_navigation():
        page.locator("main form button[type=submit]").last.click()
    person.open("/files/")
    for name in names:
        assert page.get_by_role("link", name=name).count() >= 1

    log_out(person)
    assert page.url == f"{person.base_url}/"


def test_language_switch_stays(visit):
    person = visit(locale="en-US")
    person.open("/")
    with person.page.expect_navigation():
        person.page.locator("button[name=language][value=ja]").first.click()
    assert person.page.locator("html").get_attribute("lang") == "ja"
    person.open("/accounts/login/")
    assert person.page.locator("html").get_attribute("lang") == "ja"
