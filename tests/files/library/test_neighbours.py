"""From picture to picture, in the list from which somebody came."""

import re

import pytest


@pytest.fixture
def pictures(keep, session):
    """Pictures among other files, the oldest first; "b" and "d" are in the session."""
    found = {}
    for name in ("b.png", "notes.txt", "a.png", "d.png", "c.png"):
        kind = "image/png" if name.endswith("png") else "text/plain"
        of = session if name[0] in "bd" else None
        found[name[0]] = keep(name, name.encode(), content_type=kind, session=of)
    return found


def around(client, file, query=""):
    """Return the addresses of the previous and the next picture, "" without one."""
    html = client.get(f"/files/{file.pk}/{query}").content.decode()
    links = [re.search(rf'href="([^"]*)"\s+rel="{rel}"', html) for rel in ("prev", "next")]
    return [link[1].replace("&amp;", "&") if link else "" for link in links]


def address(file, query=""):
    return f"/files/{file.pk}/{query}#preview"


def test_they_follow_the_order_of_the_library(as_owner, pictures):
    a, b, c, d = (pictures[name] for name in "abcd")
    assert around(as_owner, c) == ["", address(d)]
    assert around(as_owner, d) == [address(c), address(a)]
    assert around(as_owner, b) == [address(a), ""]
    assert around(as_owner, pictures["n"]) == ["", ""]


def test_they_follow_the_list_one_came_from(as_owner, pictures, session):
    a, b, c, d = (pictures[name] for name in "abcd")
    query = "?kind=image&sort=name"
    html = as_owner.get(f"/files/{query}").content.decode()
    assert f'href="/files/{b.pk}/{query.replace("&", "&amp;")}"' in html
    assert around(as_owner, b, query) == [address(a, query), address(c, query)]
    query = f"?session={session.session_id}"
    for page in (f"/files/{query}", session.get_absolute_url()):
        assert f'href="/files/{d.pk}/{query}"' in as_owner.get(page).content.decode()
    assert around(as_owner, d, query) == ["", address(b, query)]
    assert around(as_owner, b, "?q=png&after=x&foreign=1") == [address(a, "?q=png"), ""]


def test_nobody_elses_and_none_from_the_trash(as_owner, as_stranger, pictures, foreign_session):
    a, c, d = (pictures[name] for name in "acd")
    d.trash()
    assert around(as_owner, c) == ["", address(a)]
    assert around(as_owner, c, f"?session={foreign_session.session_id}") == ["", ""]
    assert around(as_owner, c, "?session=%00&sort=wrong&kind=%00&q=%00") != [1]
    assert as_stranger.get(f"/files/{c.pk}/").status_code == 404
