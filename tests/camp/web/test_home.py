"""The first page, for strangers and for who is logged in."""

import pytest
from django.urls import reverse

from files.models import File
from sessions_app.models import Session

HOME = "/"


def keep(user, count, start=0):
    """Give `user` that many sessions and files."""
    for number in range(start, start + count):
        Session.objects.create(user=user, title=f"Day {number}")
        File.objects.create(
            user=user, filename=f"map {number}.pdf", size=1024, storage_path=f"{user.pk}/{number}"
        )


@pytest.mark.django_db
def test_a_stranger_is_welcomed_and_can_sign_up(client, settings):
    settings.SIGNUP_OPEN = True
    page = client.get(HOME).content.decode()
    assert reverse("accounts:login") in page
    assert reverse("accounts:signup") in page


@pytest.mark.django_db
def test_a_stranger_is_not_offered_what_is_closed(client, settings):
    settings.SIGNUP_OPEN = False
    page = client.get(HOME).content.decode()
    assert reverse("accounts:login") in page
    assert reverse("accounts:signup") not in page


def test_somebody_sees_their_own_newest_things_only(client, owner, member):
    keep(owner, 7)
    keep(member, 1)
    Session.objects.create(user=member, title="Not yours")
    Session.objects.create(user=owner, title="Thrown away").trash()
    client.force_login(owner)
    page = client.get(HOME).content.decode()
    for number in (6, 5, 4, 3, 2):
        assert f"Day {number}" in page
        assert f"map {number}.pdf" in page
    for absent in ("Day 1<", "map 1.pdf", "Not yours", "Thrown away"):
        assert absent not in page


def test_the_page_says_how_much_the_files_take_up(client, owner, member):
    keep(owner, 3)
    keep(member, 5)
    client.force_login(owner)
    assert "3\u00a0KiB" in client.get(HOME).content.decode()


def test_somebody_new_is_shown_the_way_on(client, owner):
    client.force_login(owner)
    page = client.get(HOME).content.decode()
    assert "No sessions yet" in page
    assert "No files yet" in page
    assert reverse("sessions:new") in page
    assert reverse("files:upload") in page


def test_a_name_cannot_become_markup(client, owner):
    Session.objects.create(user=owner, title="<script>alert(1)</script>")
    client.force_login(owner)
    assert "<script>alert" not in client.get(HOME).content.decode()


def test_many_things_cost_as_many_queries_as_few(client, owner, django_assert_max_num_queries):
    client.force_login(owner)
    counts = []
    for count in (1, 30):
        keep(owner, count, start=count)
        with django_assert_max_num_queries(4) as queries:
            client.get(HOME)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_page_only_shows(client, method):
    assert getattr(client, method)(HOME).status_code == 405


def test_only_staff_find_the_way_to_the_admin(client, owner, organiser):
    address = reverse("admin:index")
    client.force_login(owner)
    assert f'href="{address}"' not in client.get(HOME).content.decode()
    client.force_login(organiser)
    assert f'href="{address}"' in client.get(HOME).content.decode()


def test_the_language_switch_leads_back_to_the_page(client, owner):
    client.force_login(owner)
    page = client.get(HOME, headers={"accept-language": "ja"}).content.decode()
    assert '<html lang="ja">' in page
    response = client.post(reverse("set_language"), {"language": "en", "next": HOME})
    assert response["Location"] == HOME
    page = client.get(HOME, headers={"accept-language": "ja"}).content.decode()
    assert '<html lang="en">' in page


@pytest.mark.django_db
def test_pages_load_nothing_from_elsewhere_and_embed_nothing(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert (
        directives["script-src"] == directives["style-src"] == directives["default-src"] == "'self'"
    )
    for name in ("child-src", "frame-src", "object-src", "worker-src"):
        assert directives[name] == "'none'"


@pytest.mark.django_db
def test_what_pages_cache_is_the_same_for_all_who_see_it(client, organiser, owner):
    client.force_login(organiser)
    assert 'href="/admin/"' in client.get("/").content.decode()
    client.force_login(owner)
    page = client.get("/").content.decode()
    assert 'href="/admin/"' not in page
    assert organiser.username not in page
    assert "キー操作" in client.get("/", headers={"accept-language": "ja"}).content.decode()
    assert "キー操作" not in page
