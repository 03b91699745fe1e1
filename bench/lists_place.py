"""Fill one database for bench/lists.py, and measure its pages; questions come as JSON lines."""

import json
import logging
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils.http import urlencode  # noqa: E402
from lists_fill import EMOJI, OLD, OWNER, RARE, READER, Rows  # noqa: E402
from lists_plans import of_page  # noqa: E402

from camp.db.keyset import PAGE_SIZE, encode  # noqa: E402
from files.library.listing import DATES, SIZES, SORTS  # noqa: E402
from files.models import File  # noqa: E402

WARM = 4
ROWS = (b'<li class="list__item"', b'<li class="list__item list__item--wrap"')
SEARCHES = {
    "a common word": "img",
    "an uncommon word": "議事録",
    "a word of few": RARE,
    "a word of old files only": OLD,
    "two characters": "合宿",
    "one character": "議",
    "an emoji": EMOJI,
    "two words": "20 .md",
    "two letters that few hold": "xy",
    "three words of letters": "camp map svg",
    "nothing like it": "qqqq",
    "nothing, of two characters": "鯨飲",
    "nothing, of usual letters": "gnim",
    "nothing, of one character": "~",
}
# Pages whose queries stand for those of all.
EXPLAINED = [
    *("list, Newest first", "list, Newest first, far down", "list, Name, A to Z"),
    *("list, Largest first", "kind: image", "kind: archive", "kind: video, Smallest first"),
    *("size: From 1 GiB", "date: Since yesterday", "session of a fifth", "search: a common word"),
    *("search: a word of few", "search: nothing, of two characters"),
    *("search: a word of few, by name", "trash", "trash, far down"),
    *("sessions", "session of a fifth, its page", "home"),
    *("shared sessions", "home, with shared sessions"),
]
LIST, TRASH = "/files/", "/files/trash/"
# Requested by somebody who is in up to 5,000 sessions of others
SHARED_PAGES = {
    "shared sessions": "/sessions/?show=shared",
    "own and shared sessions": "/sessions/",
    "own and shared sessions, search": "/sessions/?q=img",
    "home, with shared sessions": "/",
}


def main():
    rows = int(sys.argv[1])
    logging.disable(logging.INFO)
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not File.objects.exists():
        Rows(rows, rows if rows <= 1000 else rows // 10).fill()
    place = Pages()
    for line in sys.stdin:
        question, *words = json.loads(line)
        print(json.dumps(getattr(place, question)(*words)), flush=True)


class Pages:
    """The pages to measure, and the user who requests them."""

    def __init__(self):
        settings.ALLOWED_HOSTS = ["testserver"]
        self.owner = get_user_model().objects.get(username=OWNER)
        self.client = Client()
        self.client.force_login(self.owner)
        self.reader = Client()
        self.reader.force_login(get_user_model().objects.get(username=READER))
        self.all = dict(self.listed())

    def listed(self):
        """Yield (name, (method, path with query or form fields, whether there is an aim))."""
        visible = File.objects.visible_to(self.owner)
        for sort, (label, order) in SORTS.items():
            yield f"list, {label}", get(LIST, sort=sort)
            yield f"list, {label}, far down", get(LIST, sort=sort, after=far(visible, order))
        newest = SORTS["-date"][1]
        for kind in ("image", "video", "other", "archive"):
            yield f"kind: {kind}", get(LIST, kind=kind)
        for sort in ("name", "-size", "size"):
            yield f"kind: video, {SORTS[sort][0]}", get(LIST, kind="video", sort=sort)
        for size in ("1M", "1G"):
            yield f"size: {SIZES[size][0]}", get(LIST, size=size)
        yield "size: From 1 GiB, by name", get(LIST, size="1G", sort="name")
        for date in ("1", "365"):
            yield f"date: {DATES[date][0]}", get(LIST, date=date)
        yield "date: Since yesterday, by name", get(LIST, date="1", sort="name")
        yield "date: Since yesterday, largest", get(LIST, date="1", sort="-size")
        large = self.owner.sessions.order_by("pk").first()
        for sort in ("", "name", "-size"):
            name = f"session of a fifth{', ' if sort else ''}{sort}"
            yield name, get(LIST, session=large.session_id, sort=sort)
        for name, query in SEARCHES.items():
            yield f"search: {name}", get(LIST, q=query)
        yield "search: a common word, by name", get(LIST, q="img", sort="name")
        yield "search: a word of few, by name", get(LIST, q=RARE, sort="name")
        found = visible.search("img")
        yield "search: a common word, far down", get(LIST, q="img", after=far(found, newest))
        every = {"q": "20", "kind": "image", "date": "365", "sort": "name"}
        yield "search, kind, date, by name", get(LIST, **every)
        yield "trash", get(TRASH)
        gone = File.objects.trashed_by(self.owner)
        yield "trash, far down", get(TRASH, after=far(gone, ["-deleted_at", "-id"]))
        yield "sessions", get("/sessions/")
        for name, path in SHARED_PAGES.items():
            yield name, ("reader", path, True)
        yield "session of a fifth, its page", get(f"/sessions/{large.session_id}/")
        yield "home", get("/")
        form = {"all": "1", "action": "delete"}
        yield "all, before they are deleted", ("post", form, False)
        yield "all that match, before they are deleted", ("post", {**form, "q": "img"}, False)

    def ready(self):
        """Return True once the database is filled."""
        return True

    def pages(self):
        """Return the names of all pages."""
        return list(self.all)

    def facts(self, name):
        """Return the numbers of queries and rows of a page, and whether there is an aim for it."""
        with CaptureQueriesContext(connection) as queries:
            response = self.fetch(name)
        count = len(queries)
        for _ in range(WARM):
            self.fetch(name)
        rows = sum(map(response.content.count, ROWS))
        return {"queries": count, "rows": rows, "aimed": self.all[name][2]}

    def time(self, name):
        """Return the time of one request for a page, in milliseconds."""
        begun = time.perf_counter()
        self.fetch(name)
        return (time.perf_counter() - begun) * 1000

    def plans(self):
        """Return the queries of some pages with their plans, by page."""
        for name in EXPLAINED:
            self.fetch(name)
        return {name: of_page(lambda name=name: self.fetch(name)) for name in EXPLAINED}

    def fetch(self, name):
        """Request a page."""
        method, what, _aimed = self.all[name]
        if method == "reader":
            response = self.reader.get(what)
        elif method == "get":
            response = self.client.get(what)
        else:
            response = self.client.post("/files/selection/", what)
        if response.status_code != 200:
            raise SystemExit(f"{name}: {response.status_code}")
        return response


def get(path, **params):
    """Return the request for a page."""
    query = urlencode({key: value for key, value in params.items() if value})
    return "get", f"{path}?{query}" if query else path, True


def far(files, order):
    """Return the token of the row two thirds down, or of the last with a page after it."""
    count = files.count()
    row = files.order_by(*order)[min(count * 2 // 3, max(0, count - PAGE_SIZE - 2))]
    return encode([getattr(row, key.lstrip("-")) for key in order])


if __name__ == "__main__":
    main()
