"""Shared links in the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.urls import reverse
from django.utils import timezone

from files.library import shares
from files.models import File, Share
from tests.admin_pages import act, browser, changelist, helper, names, page, queries

LIST = changelist("files_share")


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


@pytest.fixture
def share(owner):
    """A link of the owner to three files, of which two downloads of five are made."""
    made = Share.objects.create(
        user=owner,
        limit=5,
        downloads=2,
        password=make_password("secret"),
        expires_at=timezone.now() + timedelta(days=1),
    )
    made.files.set(
        File.objects.create(user=owner, filename=name, size=1, storage_path=name)
        for name in ("東京.txt", "b.txt", "c.txt")
    )
    return made


def test_the_list_tells_whose_they_are_what_they_give_and_their_use(as_organiser, share):
    told = as_organiser.get(LIST).content.decode()
    assert "b.txt and 2 more" in told
    assert "owner" in told
    assert "2 of 5" in told


def test_neither_page_gives_the_address_or_the_password_away(as_organiser, share):
    for address in (LIST, page("files_share", "change", share.pk)):
        told = as_organiser.get(address).content.decode()
        assert share.nonce not in told
        assert share.password not in told


def test_the_page_names_every_file(as_organiser, share):
    told = as_organiser.get(page("files_share", "change", share.pk)).content.decode()
    assert all(file.filename in told for file in share.files.all())
    assert 'name="_save"' not in told


def test_a_link_whose_files_are_gone_is_still_listed(as_organiser, share):
    share.files.all().delete()
    for address in (LIST, page("files_share", "change", share.pk)):
        assert "no files any more" in as_organiser.get(address).content.decode()


@pytest.mark.parametrize("change", [{"downloads": 5}, {"expires_at": timezone.now()}])
def test_valid_links_are_told_from_those_that_are_over(as_organiser, share, change):
    assert names(as_organiser.get(f"{LIST}?valid=yes")) == [share.pk]
    assert names(as_organiser.get(f"{LIST}?valid=no")) == []
    Share.objects.update(**change)
    assert names(as_organiser.get(f"{LIST}?valid=yes")) == []
    assert names(as_organiser.get(f"{LIST}?valid=no")) == [share.pk]


@pytest.mark.parametrize(("text", "found"), [("ＴＸＴ", True), ("owner", True), ("zzz", False)])
def test_they_are_found_by_file_and_person_once(as_organiser, share, text, found):
    assert names(as_organiser.get(LIST, {"q": text})) == [share.pk] * found


def test_a_search_for_one_file_still_counts_all(as_organiser, share):
    assert "b.txt and 2 more" in as_organiser.get(LIST, {"q": "b.txt"}).content.decode()


def test_more_links_cost_no_more_queries(as_organiser, share):
    before = len(queries(as_organiser, LIST))
    for _number in range(4):
        more = Share.objects.create(user=share.user, expires_at=share.expires_at)
        more.files.set(share.files.all())
    assert len(queries(as_organiser, LIST)) == before


@pytest.mark.parametrize("way", ["one", "many"])
def test_to_delete_one_ends_it_and_leaves_the_files(as_organiser, client, share, way):
    address = reverse("share", args=[shares.token_of(share)])
    assert client.get(address).status_code == 200
    if way == "one":
        as_organiser.post(page("files_share", "delete", share.pk), {"post": "yes"})
    else:
        act(as_organiser, "files_share", "delete_selected", share, post="yes")
    assert client.get(address).status_code == 404
    assert File.objects.count() == 3


def test_nothing_can_be_added_or_changed(as_organiser, share):
    address = page("files_share", "change", share.pk)
    assert as_organiser.post(address, {"limit": "9"}).status_code == 403
    assert as_organiser.get("/admin/files/share/add/").status_code == 403


def test_a_helper_without_the_permission_sees_nothing(db):
    assert browser(helper()).get(LIST).status_code == 403
