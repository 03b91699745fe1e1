"""Twenty people write in one session at once, on a real server."""

import http.client
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from tests import shared_session

pytestmark = pytest.mark.slow

WRITERS = 20
EACH = 5  # messages
TOKEN = "t" * 32


class Writer:
    """A member with a connection of their own."""

    def __init__(self, server, path, key):
        self.connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=60)
        self.path = path
        self.headers = {
            "Cookie": f"camp_session={key}; csrftoken={TOKEN}",
            "X-CSRFToken": TOKEN,
            "Accept": "application/json",
        }

    def request(self, method, path, body=None, **headers):
        self.connection.request(method, self.path + path, body, self.headers | headers)
        response = self.connection.getresponse()
        return response.status, response.read()

    def send(self, content):
        """Send a message twice, as after an answer that was lost; returns its ID."""
        body = urlencode({"content": content, "submission_id": str(uuid.uuid4())})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        first, second = [self.request("POST", "messages/", body, **form) for _ in range(2)]
        assert first[0] == 201
        assert first == second
        return json.loads(first[1])["id"]

    def read(self):
        """Return the IDs of the messages as a page shows them."""
        return [pk for pk, _stamp in json.loads(self.request("GET", "changes/")[1])["messages"]]


def test_none_is_lost_and_all_see_the_same_order(camp_server):
    made = shared_session.make(lambda *words: camp_server.manage(*words).stdout, count=WRITERS)
    writers = [Writer(camp_server, made["path"], key) for key in made["keys"]]
    start = threading.Barrier(WRITERS)

    def write(writer):
        start.wait()
        sent, seen = [], []
        for number in range(EACH):
            sent.append(writer.send(f"{number}"))
            seen.append(writer.read())
        return sent, seen

    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(write, writers))
    [final] = {tuple(writer.read()) for writer in writers}
    assert sorted(final) == sorted(pk for sent, _seen in results for pk in sent)
    assert len(final) == WRITERS * EACH
    for sent, seen in results:
        assert [pk for pk in final if pk in sent] == sent
        # Nobody saw a message before one that came later to stand above it.
        assert all(list(final[: len(each)]) == each for each in seen)
