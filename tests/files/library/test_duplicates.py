"""One's own files with the same content are noticed and offered; nobody else's ever are."""

import re

import pytest
from django.db import connection
from django.utils.html import escape

from files.models import File
from files.views import library, upload
from tests.files.conftest import part

URL = "/files/upload/"
JSON = {"accept": "application/json"}
CARD = "Same content"


def send(client, *parts):
    """Send a form as a browser does; returns the page after it."""
    return client.post(URL, {"files": list(parts)}, follow=True).content.decode()


def send_for_json(client, *parts):
    """Send a form as a script does; returns `same_as` of each file."""
    answer = client.post(URL, {"files": list(parts)}, headers=JSON).json()
    return [file["same_as"] for file in answer["files"]]


def told(file):
    """Return what the JSON says of an earlier file."""
    return {"name": file.filename, "url": file.get_absolute_url()}


@pytest.fixture
def twins(keep):
    """Two files with the same content under different names."""
    return keep("first.txt"), keep("second.txt")


class TestPage:
    def test_it_names_the_others_and_offers_to_delete_each(self, as_owner, twins, keep):
        first, second = twins
        keep("other.txt", b"HELLO")
        response = as_owner.get(first.get_absolute_url())
        page = response.content.decode()
        assert response.context["same"] == [second]
        assert CARD in page
        assert f'href="/files/{second.pk}/"' in page
        assert f'action="/files/{second.pk}/delete/"' in page

    def test_deleting_one_leads_back_with_an_undo(self, as_owner, twins):
        first, second = twins
        response = as_owner.post(
            f"/files/{second.pk}/delete/", {"next": first.get_absolute_url()}, follow=True
        )
        assert response.redirect_chain == [(first.get_absolute_url(), 302)]
        page = response.content.decode()
        assert CARD not in page
        assert f"/files/{second.pk}/restore/" in page

    def test_after_a_name_that_is_refused_it_is_there_too(self, as_owner, twins):
        response = as_owner.post(f"/files/{twins[0].pk}/rename/", {"filename": ""})
        assert response.status_code == 400
        assert CARD in response.content.decode()

    def test_somebody_elses_is_never_named(self, as_stranger, twins, keep, stranger):
        own = keep(user=stranger)
        response = as_stranger.get(own.get_absolute_url())
        assert response.context["same"] == []
        assert CARD not in response.content.decode()

    def test_one_in_the_trash_is_not_named(self, as_owner, twins):
        twins[1].trash()
        assert CARD not in as_owner.get(twins[0].get_absolute_url()).content.decode()

    def test_without_checksums_nothing_is_known(self, as_owner, twins):
        File.objects.update(sha256="")
        assert CARD not in as_owner.get(twins[0].get_absolute_url()).content.decode()

    def test_names_are_escaped(self, as_owner, keep):
        file, _other = keep(), keep("<b>&.txt")
        page = as_owner.get(file.get_absolute_url()).content.decode()
        assert "<b>" not in page
        assert escape("<b>&.txt") in page

    def test_of_many_some_are_named(self, as_owner, keep, monkeypatch):
        monkeypatch.setattr(library, "MAX_SAME", 2)
        files = [keep(str(number)) for number in range(4)]
        response = as_owner.get(files[3].get_absolute_url())
        assert response.context["same"] == files[:2]
        assert "There are more." in response.content.decode()

    @pytest.mark.parametrize("count", [2, 8])
    def test_queries_do_not_grow(self, as_owner, keep, django_assert_max_num_queries, count):
        files = [keep(str(number)) for number in range(count)]
        with django_assert_max_num_queries(7):
            as_owner.get(files[0].get_absolute_url())


class TestUpload:
    def test_a_message_says_so_and_the_file_is_kept(self, as_owner, file):
        page = send(as_owner, part("again.txt"))
        new = File.objects.latest("pk")
        assert new.filename == "again.txt"
        assert "has the same content as" in page
        assert f'“<a href="/files/{new.pk}/" dir="auto">again.txt</a>”' in page
        assert f'“<a href="/files/{file.pk}/" dir="auto">notes.txt</a>”' in page

    def test_names_are_escaped(self, as_owner, keep):
        keep("<b>1.txt")
        page = send(as_owner, part("<b>2.txt"))
        assert "same content" in page
        assert "<b>" not in page

    def test_another_content_is_no_duplicate(self, as_owner, file):
        assert "same content" not in send(as_owner, part("notes.txt", b"HELLO"))

    def test_scripts_are_told_of_the_oldest(self, as_owner, twins):
        answer = send_for_json(as_owner, part("a"), part("b", b"other"), part("c"))
        assert answer == [told(twins[0]), None, told(twins[0])]

    def test_within_one_form_the_second_is_one_of_the_first(self, as_owner):
        assert send_for_json(as_owner, part("a"), part("b")) == [
            None,
            told(File.objects.get(filename="a")),
        ]

    def test_somebody_elses_is_never_named(self, as_stranger, twins):
        assert send_for_json(as_stranger, part("a")) == [None]
        assert "same content" not in send(as_stranger, part("b", b"x"))

    def test_one_in_the_trash_is_not_named(self, as_owner, file):
        file.trash()
        assert send_for_json(as_owner, part("a")) == [None]

    def test_one_without_a_checksum_is_not_named(self, as_owner, file):
        File.objects.update(sha256="")
        assert send_for_json(as_owner, part("a")) == [None]

    def test_of_many_some_are_named(self, as_owner, file, monkeypatch):
        monkeypatch.setattr(upload, "MAX_NAMED", 2)
        page = send(as_owner, *(part(str(number)) for number in range(5)))
        assert page.count("has the same content as “") == 2
        assert "3 more files have the same content as earlier ones." in page

    def test_it_costs_one_query_however_many(self, owner, keep, django_assert_num_queries):
        files = [keep(str(number)) for number in range(6)]
        with django_assert_num_queries(1):
            assert File.objects.earlier(files) == dict.fromkeys(files[1:], files[0])

    def test_without_files_it_costs_none(self, db, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert File.objects.earlier([]) == {}


INDEX = "sample_files_(size|all_sizes|sha256)"


def test_both_queries_use_an_index(owner):
    row = {"user": owner, "filename": "a", "storage_path": "aa/bb/x"}
    files = File.objects.bulk_create(
        File(size=number, sha256=f"{number:064}", **row) for number in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sample_files")
    assert re.search(INDEX, File.objects.same_as(files[7]).explain())
    same = File.objects.visible_to(owner).filter(size__in=[1, 2], sha256__in=["a", "b"])
    assert re.search(INDEX, same.explain())
