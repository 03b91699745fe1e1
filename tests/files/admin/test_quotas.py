"""Quotas in the admin."""

import pytest

from files.models import Quota
from tests.admin_pages import browser, changelist, helper, queries
from tests.conftest import person

ADD = "/admin/files/quota/add/"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


@pytest.mark.parametrize(
    ("typed", "limit"), [("500M", 500 * 2**20), ("10 GiB", 10 * 2**30), ("1234", 1234), ("", None)]
)
def test_a_person_gets_room(as_organiser, owner, typed, limit):
    response = as_organiser.post(ADD, {"user": owner.pk, "limit": typed})
    assert response.status_code == 302
    assert Quota.objects.get().limit == limit


def test_nothing_at_all_can_be_given(as_organiser, owner):
    as_organiser.post(ADD, {"user": owner.pk, "limit": "0"})
    assert Quota.objects.get().limit == 0


def test_nonsense_is_refused(as_organiser, owner):
    response = as_organiser.post(ADD, {"user": owner.pk, "limit": "a lot"})
    assert "Give a size such as 500M or 10G." in response.content.decode()
    assert Quota.objects.count() == 0


def test_it_is_shown_as_it_was_typed(as_organiser, owner):
    Quota.objects.create(user=owner, limit=5 * 2**30)
    page = as_organiser.get(f"/admin/files/quota/{owner.pk}/change/").content.decode()
    assert 'value="5G"' in page


def test_the_list_tells_room_and_use(as_organiser, owner, member, keep):
    keep(content=b"x" * 1000)
    Quota.objects.create(user=owner, limit=5 * 2**30)
    Quota.objects.create(user=member)
    page = as_organiser.get(changelist("files_quota")).content.decode()
    assert "5\u00a0GiB" in page
    assert "1000\u00a0bytes" in page
    assert "no limit" in page


def test_a_helper_without_the_permission_sees_nothing(owner):
    assert browser(helper()).get(changelist("files_quota")).status_code == 403


def test_the_list_costs_the_same_for_few_and_many(as_organiser, owner):
    Quota.objects.create(user=owner, limit=1)
    as_organiser.get(changelist("files_quota"))  # fills the caches of Django
    few = len(queries(as_organiser, changelist("files_quota")))
    for number in range(20):
        Quota.objects.create(user=person(f"person{number}"), limit=number)
    assert len(queries(as_organiser, changelist("files_quota"))) == few
