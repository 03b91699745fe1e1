"""Next and previous on the page of a row."""

from urllib.parse import quote

import pytest

from files.models import File
from tests.admin_pages import browser, changelist, helper, page, queries, told

FILE = "files_file"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


@pytest.fixture
def rows(owner, stranger):
    """Files with the kinds image, text, image, text, image; the third is a stranger's."""
    names = ["a.png", "b.txt", "c.png", "d.txt", "e.png"]
    return [
        File.objects.create(
            user=stranger if name == "c.png" else owner,
            filename=name,
            size=1,
            content_type="image/png" if name.endswith("png") else "text/plain",
            storage_path=f"aa/bb/{name}",
        )
        for name in names
    ]


def go(client, row, where, filters=""):
    """Follow the button on a row's page; returns the key of the row that it leads to."""
    query = f"?_changelist_filters={quote(filters)}" if filters else ""
    html = client.get(page(FILE, "change", row.pk) + query).content.decode()
    address = f"/admin/files/file/{row.pk}/{where}/"
    assert f'href="{address}{query}"' in html
    response = client.get(address + query, follow=True)
    assert response.status_code == 200
    return response


def key(response):
    """Return the key of the row on a page."""
    return response.context["original"].pk


def test_they_lead_through_the_list_in_its_order(as_organiser, rows):
    # The newest is the first.
    assert key(go(as_organiser, rows[2], "next")) == rows[1].pk
    assert key(go(as_organiser, rows[2], "previous")) == rows[3].pk


@pytest.mark.parametrize(
    ("filters", "following"), [("kind=image", 0), ("q=png", 0), ("q=png&kind=image&p=0", 0)]
)
def test_they_stay_within_the_filters_and_the_search(as_organiser, rows, filters, following):
    response = go(as_organiser, rows[2], "next", filters)
    assert key(response) == rows[following].pk
    # And so on from there.
    assert key(go(as_organiser, rows[following], "previous", filters)) == rows[2].pk


def test_the_ends_of_the_list_are_explained(as_organiser, rows):
    response = go(as_organiser, rows[0], "next")
    assert key(response) == rows[0].pk
    assert "This is the last row of the list." in told(response)
    response = go(as_organiser, rows[3], "previous", "kind=text")
    assert key(response) == rows[3].pk
    assert "This is the first row of the list." in told(response)


def test_an_order_that_was_chosen_is_kept(as_organiser, rows):
    # Names, ascending and descending; the first column holds the checkboxes.
    assert key(go(as_organiser, rows[2], "next", "o=1")) == rows[3].pk
    assert key(go(as_organiser, rows[2], "next", "o=-1")) == rows[1].pk


@pytest.mark.parametrize("filters", ["kind__regex=x", "created_at__gte=x", "q=" + "a " * 11])
def test_an_address_with_nonsense_is_refused(as_organiser, rows, filters):
    address = f"/admin/files/file/{rows[0].pk}/next/"
    assert as_organiser.get(address, {"_changelist_filters": filters}).status_code == 400


def test_it_needs_the_permission_to_view(client, owner, rows):
    address = f"/admin/files/file/{rows[2].pk}/next/"
    assert client.get(address).status_code == 302
    assert browser(owner).get(address).status_code == 403
    assert browser(helper("accounts.view_user")).get(address).status_code == 403
    other = helper("files.view_file", name="viewer")
    assert browser(other).get(address)["Location"].endswith("/change/")


def test_a_row_that_is_gone_and_other_verbs(as_organiser, rows):
    response = as_organiser.get("/admin/files/file/999999/next/", follow=True)
    assert "doesn’t exist" in told(response)
    assert as_organiser.post(f"/admin/files/file/{rows[0].pk}/next/").status_code == 405


def test_the_page_itself_does_not_look_for_them(as_organiser, rows):
    address = page(FILE, "change", rows[2].pk)
    as_organiser.get(address)  # fills caches
    plain = queries(as_organiser, address)
    filtered = queries(as_organiser, f"{address}?_changelist_filters=q%3Dpng")
    assert len(plain) == len(filtered)
    assert as_organiser.get(changelist(FILE)).status_code == 200
