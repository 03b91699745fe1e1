"""What the pages of long lists weigh: the menu and the token are not in each row."""

import gzip

import pytest

from files.models import File
from files.storage import backend
from sessions_app.models import Session

ROWS = 50


@pytest.fixture
def listed(client, owner):
    """The pages of lists with 50 rows, by their address."""
    client.force_login(owner)
    kinds = [("notes.txt", "text/plain"), ("plan.pdf", "application/pdf"), ("a.jpg", "image/jpeg")]
    File.objects.bulk_create(
        File(
            user=owner,
            filename=f"{number:04} {kinds[number % 3][0]}",
            content_type=kinds[number % 3][1],
            size=1000 * number,
            storage_path=backend.new_path(),
        )
        for number in range(ROWS)
    )
    Session.objects.bulk_create(Session(user=owner, title=f"Talk {n}") for n in range(ROWS))
    return {path: client.get(path).content for path in ("/files/", "/sessions/", "/")}


def test_lists_are_small(listed):
    assert len(listed["/files/"]) <= 45_000
    assert len(gzip.compress(listed["/files/"])) <= 8_000
    assert len(gzip.compress(listed["/sessions/"])) <= 5_000
    assert len(gzip.compress(listed["/"])) <= 3_000


def test_rows_have_no_menu_form_or_token_of_their_own(listed):
    page = listed["/files/"].decode()
    rows = page[page.index('<ul class="list list--rows">') :].partition("</ul>")[0]
    assert rows.count("<li ") == ROWS
    assert rows.count("/download/") == ROWS
    assert "<form" not in rows
    assert "<details" not in rows
    assert page.count("csrfmiddlewaretoken") <= 5
    assert page.count("<template data-row-menu=") == 1
