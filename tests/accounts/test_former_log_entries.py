"""What organisers did outlives their accounts, without their names."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.urls import reverse

from accounts.models import FormerLogEntry
from tests.admin_pages import act, browser, changelist, helper, page


def test_what_an_organiser_did_outlives_the_account(organiser):
    leaving = helper("auth.add_group", "auth.change_group", name="leaving")
    client = browser(leaving)
    client.post(reverse("admin:auth_group_add"), {"name": "Helpers"})
    group = Group.objects.get(name="Helpers")
    client.post(page("auth_group", "change", group.pk), {"name": "Friends"})
    assert LogEntry.objects.filter(user=leaving).count() == 2

    as_organiser = browser(organiser)
    # The page behind it says who was deleted, once.
    as_organiser.post(page("accounts_user", "delete", leaving.pk), {"post": "yes"}, follow=True)

    assert not LogEntry.objects.filter(user_id=leaving.pk).exists()
    kept = FormerLogEntry.objects.order_by("pk")
    assert [entry.object_repr for entry in kept] == ["Helpers", "Friends"]
    assert {entry.former_pk for entry in kept} == {leaving.pk}
    html = as_organiser.get(changelist("accounts_formerlogentry")).content.decode()
    assert "Friends" in html
    assert "leaving" not in html
    html = as_organiser.get(page("accounts_formerlogentry", "change", kept[1].pk)).content.decode()
    assert "Changed Name." in html


def test_nobody_changes_what_was_noted(organiser, owner):
    LogEntry.objects.log_actions(owner.pk, [organiser], 2, change_message="x")
    owner.delete()
    entry = FormerLogEntry.objects.get()
    client = browser(organiser)
    for what in ("change", "delete"):
        response = client.post(page("accounts_formerlogentry", what, entry.pk), {"post": "yes"})
        assert response.status_code == 403
    assert FormerLogEntry.objects.exists()


@pytest.mark.parametrize("by", ["page", "action"])
def test_the_log_does_not_name_people_who_are_gone(organiser, member, by):
    client = browser(organiser)
    client.post(reverse("admin:files_quota_add"), {"user": member.pk, "limit": "1G"})
    leaving = helper("accounts.change_user", name="leaving")
    LogEntry.objects.log_actions(leaving.pk, [member], 2, change_message="x")
    for user in (leaving, member):
        pk = user.pk
        if by == "page":
            client.post(page("accounts_user", "delete", pk), {"post": "yes"})
        else:
            act(client, "accounts_user", "delete_selected", user, post="yes")
        entries = [*LogEntry.objects.all(), *FormerLogEntry.objects.all()]
        assert [one for one in entries if one.object_repr == user.username] == []
        assert any(one.object_id == str(pk) for one in entries)
