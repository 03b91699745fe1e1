"""The admin in Japanese, and the history in the language of each reader."""

import re
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AttemptCounter, FormerLogEntry, User
from files.models import File, Quota, Share, Upload
from sessions_app.models import Message, Session
from tests.admin_pages import act, changelist, page

MODELS = {one._meta.label_lower.replace(".", "_"): one for one in admin.site._registry}
WORD = re.compile(r"[A-Za-z]{3,}")
# Names, units, and what the rows below hold.
KNOWN = {"Camp", "English", "KiB", "MiB", "GiB", "SHA", "owner", "organiser", "example", "org"}
KNOWN |= {"text", "plain", "txt", "CSV", "JSON"}


def japanese(user):
    """Return a client in which `user` is logged in and reads Japanese."""
    client = Client(headers={"accept-language": "ja"})
    client.force_login(user)
    return client


@pytest.fixture
def as_organiser(organiser):
    return japanese(organiser)


@pytest.fixture
def rows(organiser, owner):
    """A row in every table of the admin."""
    soon = timezone.now() + timezone.timedelta(hours=1)
    session = Session.objects.create(user=owner, title="薪")
    file = {"user": owner, "filename": "a.txt", "size": 1, "storage_path": "aa/bb"}
    File.objects.create(session=session, content_type="text/plain", **file)
    Message.objects.create(session=session, content="薪")
    Quota.objects.create(user=owner, limit=2**30)
    Share.objects.create(user=owner, expires_at=soon)
    Upload.objects.create(user=owner, filename="a.txt", length=9, expires_at=soon)
    Group.objects.all().delete()  # the ready-made ones have English names
    Group.objects.create(name="係")
    AttemptCounter.objects.create(kind="login", user=owner, subject="1", ends_at=soon)
    AttemptCounter.objects.create(kind="address", ends_at=soon)
    change = {
        "action_time": timezone.now(),
        "action_flag": CHANGE,
        "content_type": ContentType.objects.get_for_model(User),
        "object_repr": "薪",
        "change_message": '[{"changed": {"fields": ["Organiser", "Groups"]}}]',
    }
    LogEntry.objects.create(user=organiser, object_id=owner.pk, **change)
    FormerLogEntry.objects.create(former_pk=1, **change)


def english_words(html):
    """Return the words of a page that no Japanese reader expects."""
    body = re.sub(r"(?s)<(script|style|svg|form class=\"language\").*?</\1>", " ", html)
    named = re.findall(r'(?:alt|title|aria-label|placeholder)="([^"]*)"', body)
    named += re.findall(r'type="submit"[^>]*value="([^"]*)"', body)
    text = " ".join([re.sub(r"<[^>]*>", " ", body), *named])
    text = re.sub(r"[0-9a-f]{2,}[/0-9a-f-]*", " ", unescape(text))  # checksums and paths
    return sorted(set(WORD.findall(text)) - KNOWN)


@pytest.mark.parametrize("model", MODELS)
def test_no_page_has_a_text_in_english(as_organiser, rows, model):
    row = MODELS[model]._base_manager.order_by("pk").first()
    addresses = [changelist(model), reverse(f"admin:{model}_add")]
    addresses += [page(model, what, row.pk) for what in ("change", "delete", "history")]
    if model == "accounts_user":
        addresses.append(f"/admin/accounts/user/{row.pk}/password/")
    for address in addresses:
        response = as_organiser.get(address)
        if response.status_code == 200:
            assert english_words(response.content.decode()) == [], address


def test_the_front_page_and_the_apps_have_none_either(as_organiser, rows):
    for address in ("/admin/accounts/", "/admin/sessions_app/", "/admin/files/", "/admin/auth/"):
        assert english_words(as_organiser.get(address).content.decode()) == [], address


def test_the_history_reads_in_the_language_of_each_reader(as_organiser, organiser, owner, rows):
    act(as_organiser, "accounts_user", "deactivate", owner)
    in_english = Client(headers={"accept-language": "en"})
    in_english.force_login(organiser)
    for address in (changelist("admin_logentry"), page("accounts_user", "history", owner.pk)):
        html = as_organiser.get(address).content.decode()
        assert "運営者" in html.partition("Organiser")[0]
        assert "Organiser" not in html
        assert "無効にしました" in html
        html = in_english.get(address).content.decode()
        assert "Changed Organiser and Groups." in html
        assert "Deactivated." in html


def test_the_language_is_switched_in_the_admin(as_organiser, organiser):
    address = changelist("files_file", "?trash=no")
    html = as_organiser.get(address).content.decode()
    assert '<input type="hidden" name="next" value="/admin/files/file/?trash=no">' in html
    as_organiser.post("/language/", {"language": "en", "next": address})
    assert '<html lang="en"' in as_organiser.get(address).content.decode()


def test_time_zones_are_named_in_japanese(as_organiser, owner):
    User.objects.filter(pk=owner.pk).update(time_zone="America/New_York")
    html = as_organiser.get(page("accounts_user", "change", owner.pk)).content.decode()
    assert "アメリカ / ニューヨーク" in html
    html = as_organiser.get("/accounts/profile/").content.decode()
    assert '<option value="Asia/Tokyo">東京</option>' in html
