"""Links as their owner and whoever receives them sees them."""

import pytest
from django.utils import timezone

from files.models import Share
from tests.files.conftest import lose
from tests.files.library.test_shares import make
from tests.files.serving.test_previews import picture

pytestmark = pytest.mark.folder


@pytest.fixture
def image(keep):
    """A file with a thumbnail."""
    return keep("tent.png", picture(), content_type="image/png")


def test_the_owner_can_follow_and_copy_an_address(as_owner, file):
    path = make(as_owner, file)
    page = as_owner.get("/files/links/").content.decode()
    address = f"http://testserver{path}"
    # In the message, and in the list.
    assert page.count(f'href="{address}"') == 2
    assert f'data-copy-address="{address}"' in page
    assert "copy-address.js" in page


def test_the_page_of_a_file_says_by_how_many_links_it_is_shared(as_owner, keep, file):
    assert "<dt>Shared</dt>" not in as_owner.get(f"/files/{file.pk}/").content.decode()
    for _ in range(2):
        make(as_owner, file)
    page = as_owner.get(f"/files/{file.pk}/").content.decode()
    assert "<dt>Shared</dt>" in page
    assert "2 links" in page
    Share.objects.update(limit=1, downloads=1)
    assert "2 links" not in as_owner.get(f"/files/{file.pk}/").content.decode()


def test_the_library_marks_what_open_links_lead_to(as_owner, as_stranger, keep, file):
    other = keep("other.txt")
    assert "Shared by link" not in as_owner.get("/files/").content.decode()
    make(as_owner, file)
    page = as_owner.get("/files/").content.decode()
    assert page.count("Shared by link") == 1
    assert page.index("other.txt") < page.index(file.filename) < page.index("Shared by link")
    assert other.pk > file.pk
    Share.objects.update(limit=1, downloads=1)
    assert "Shared by link" not in as_owner.get("/files/").content.decode()
    Share.objects.update(limit=None, expires_at=timezone.now())
    assert "Shared by link" not in as_owner.get("/files/").content.decode()


def test_the_receiver_sees_pictures_and_who_sent_them(as_owner, client, owner, image, file):
    path = make(as_owner, image, file, limit="1")
    page = client.get(path).content.decode()
    assert f"Shared by {owner}." in page
    address = f"{path}{image.pk}/thumbnail/"
    assert f'src="{address}"' in page
    assert page.count("/thumbnail/") == 1
    response = client.get(address)
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert Share.objects.get().downloads == 0
    assert client.get(f"{path}{file.pk}/thumbnail/").status_code == 404
    assert client.post(address).status_code == 405


def test_a_thumbnail_is_guarded_as_the_file_is(as_owner, client, image, keep):
    path = make(as_owner, image, password="open sesame")
    address = f"{path}{image.pk}/thumbnail/"
    assert client.get(address).url == path
    page = client.get(path).content.decode()
    assert "Shared by" not in page
    client.post(path, {"password": "open sesame"})
    assert client.get(address).status_code == 200
    other = keep("other.png", picture(), content_type="image/png")
    assert client.get(f"{path}{other.pk}/thumbnail/").status_code == 404
    Share.objects.update(limit=1, downloads=1)
    assert client.get(address).status_code == 404
    Share.objects.update(limit=None)
    image.trash()
    assert client.get(address).status_code == 404


def test_a_thumbnail_of_lost_bytes_is_not_found(as_owner, client, image):
    path = make(as_owner, image)
    lose(image.storage_path)
    assert client.get(f"{path}{image.pk}/thumbnail/").status_code == 404
