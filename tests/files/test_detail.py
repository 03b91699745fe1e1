"""The page of a file."""

import pytest

from sessions_app.models import Session


def test_it_tells_what_is_known(as_owner, keep, session):
    file = keep("報告.pdf", b"x" * 2048, session=session)
    page = as_owner.get(f"/files/{file.pk}/").content.decode()
    for fact in (
        "報告.pdf",
        "2\N{NO-BREAK SPACE}KiB",
        "application/pdf",
        file.sha256,
        "Summer camp",
    ):
        assert fact in page


def test_files_of_old_databases_have_no_checksum_to_show(as_owner, file):
    file.sha256 = ""
    file.save()
    assert "SHA-256" not in as_owner.get(f"/files/{file.pk}/").content.decode()


def test_it_offers_the_other_sessions(as_owner, keep, session, foreign_session, owner):
    other = Session.objects.create(user=owner, title="Winter camp")
    file = keep(session=session)
    response = as_owner.get(f"/files/{file.pk}/")
    assert list(response.context["sessions"]) == [other]


def test_a_session_in_the_trash_is_not_named(as_owner, keep, session):
    file = keep(session=session)
    session.trash()
    page = as_owner.get(f"/files/{file.pk}/").content.decode()
    assert "Summer camp" not in page
    assert "Start a session" in page  # instead of an empty card


def test_somebody_elses_file_is_not_found(as_stranger, file):
    assert as_stranger.get(f"/files/{file.pk}/").status_code == 404


def test_a_file_in_the_trash_is_not_found(as_owner, file):
    file.trash()
    assert as_owner.get(f"/files/{file.pk}/").status_code == 404


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 30, "x", "-1"])
def test_a_file_that_is_not_there_is_not_found(as_owner, pk):
    assert as_owner.get(f"/files/{pk}/").status_code == 404


def test_strangers_log_in_first(client, file):
    assert client.get(f"/files/{file.pk}/").url == f"/accounts/login/?next=/files/{file.pk}/"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_verbs_are_refused(as_owner, file, method):
    assert getattr(as_owner, method)(f"/files/{file.pk}/").status_code == 405
