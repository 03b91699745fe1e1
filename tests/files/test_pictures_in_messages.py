"""Pictures of a session's own files in its messages."""

import re

import pytest

from files.models import File
from sessions_app.models import Message, Session

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(owner):
    return Session.objects.create(user=owner, title="Camp")


def attach(session, number, content_type="image/png", **options):
    return File.objects.create(
        user=session.user,
        session=session,
        filename="tent.png",
        content_type=content_type,
        size=10,
        storage_path=f"aa/bb/{number}",
        **options,
    )


def show(client, session, text):
    """Return (the sources, the links) in a message as the page shows it."""
    Message.objects.filter(session=session).delete()
    Message.objects.create(session=session, author=session.user, content=text)
    html = client.get(session.get_absolute_url()).text
    html = html[html.index('<div class="prose"') : html.index("</article>")]
    return re.findall(r'<img src="([^"]*)" alt="([^"]*)"', html), re.findall(r'href="(.*?)"', html)


def test_pictures_of_the_session_are_shown(client, owner, session):
    client.force_login(owner)
    file = attach(session, 1)
    page, source = file.get_absolute_url(), f"/files/{file.pk}/thumbnail/"
    for address in (page, f"{page}inline/", f"http://testserver{page}"):
        shown = show(client, session, f'![a "tent" <b>]({address})')
        assert shown == ([(source, "a &quot;tent&quot; &lt;b&gt;")], [page])


def test_other_files_and_other_hosts_are_links(client, owner, member, session):
    client.force_login(owner)
    own = attach(session, 1)
    elsewhere = attach(Session.objects.create(user=owner), 2)
    foreign = attach(Session.objects.create(user=member), 3)
    text = attach(session, 4, "text/plain")
    drawing = attach(session, 5, "image/svg+xml")
    addresses = [each.get_absolute_url() for each in (elsewhere, foreign, text, drawing)]
    addresses += [f"https://evil.example{own.get_absolute_url()}", "/files/999999/"]
    for address in addresses:
        assert show(client, session, f"![x]({address})") == ([], [address])
    assert show(client, session, f"![x]({addresses[0]}inline/)") == ([], [addresses[0]])
    own.trash()
    assert show(client, session, f"![x]({own.get_absolute_url()})")[0] == []


def test_many_pictures_cost_one_query(client, owner, session, django_assert_max_num_queries):
    client.force_login(owner)
    files = [attach(session, number) for number in range(20)]
    text = "\n".join(f"![x]({file.get_absolute_url()})" for file in files)
    Message.objects.create(session=session, author=owner, content=text)
    with django_assert_max_num_queries(5):
        assert client.get(session.get_absolute_url()).text.count("<img src=") >= 20
