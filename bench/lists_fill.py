"""Rows for bench/lists.py: realistic names, a wide range of sizes and dates."""

import random
import uuid
from datetime import UTC, datetime, timedelta

from bulk_rows import BulkTable
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from camp.db.search_text import normalize_for_search
from camp.operations.demo.texts import LANGUAGES, name_file
from files.models import File
from sessions_app.models import Member, Message, ReadMark, Session, new_session_id

PORTION = 20_000
OWNER = "owner"
READER = "reader"  # owns nothing, and is in sessions of others
SHARED = 5000  # sessions, or all of the strangers'
# Weight, type, minimum and maximum size in bytes. No archives: that filter finds nothing.
KINDS = [
    (36, "image/png", 10**4, 10**7),
    (20, "application/pdf", 10**4, 10**8),
    (20, "text/plain", 10, 10**5),
    (7, "audio/mpeg", 10**6, 10**7),
    (10, "video/mp4", 5 * 10**8, 4 * 10**9),
    (7, "application/octet-stream", 1, 10**8),
]
# Weight, and age in days at most.
AGES = [(8, 1), (10, 7), (20, 30), (52, 365), (10, 2000)]
TRASHED = 0.08
IN_LARGE_SESSION, IN_SESSION = 0.2, 0.2
RARE = "xylophone"  # in RARE_NAMES names of the owner
RARE_NAMES = 3
OLD, OLD_DAYS = "scan", 800  # in all names of files older than that
EMOJI = "🍙"  # in one name in 15


class Rows:
    """`count` files, of which the owner has `own`, and a tenth as many sessions."""

    def __init__(self, count, own):
        self.random = random.Random(count)
        self.count, self.own = count, own
        self.now = datetime.now(UTC)

    def fill(self):
        """Write all rows, and analyse them on PostgreSQL."""
        with transaction.atomic():
            owner = get_user_model().objects.create_user(OWNER, "owner@example.org")
            strangers = [None] if self.own == self.count else self.strangers()
        self.sessions(owner, strangers)
        self.share()
        self.files(owner, strangers)
        with connection.cursor() as cursor:
            # As autovacuum does; Camp never analyses SQLite.
            if connection.vendor == "postgresql":
                cursor.execute("VACUUM ANALYZE")

    def strangers(self):
        """Create a thousand users; returns their IDs."""
        people = get_user_model().objects.bulk_create(
            get_user_model()(username=f"p{number}", email=f"p{number}@example.org", password="!")
            for number in range(1000)
        )
        return [person.pk for person in people]

    def sessions(self, owner, strangers):
        """Write sessions with three messages each."""
        count = max(self.count // 10, 100)
        mine = max(self.own // 10, 100)
        table = BulkTable(
            Session, "user", "session_id", "title", "search_text", "created_at", "updated_at"
        )
        messages = BulkTable(Message, "session", "role", "content", "search_text", "created_at")
        rows = []
        for _number in range(count):
            user = self.pick_user(owner, strangers, mine / count)
            title, moment = self.name(self.now), self.moment()
            rows.append(
                (user, new_session_id(), title, normalize_for_search(title), moment, moment)
            )
        with transaction.atomic():
            table.insert(rows)
            keys = list(Session.objects.values_list("pk", "created_at"))
            text = "資料を共有します"
            messages.insert(
                (key, "user", text, text, moment) for key, moment in keys for _ in range(3)
            )
        self.own_sessions = list(owner.sessions.order_by("pk").values_list("pk", flat=True))

    def share(self):
        """Share sessions with the reader, who has read every other one."""
        reader = get_user_model().objects.create_user(READER, "reader@example.org")
        # Without the large session, whose page is to cost what one of its own costs.
        others = Session.objects.exclude(pk=self.own_sessions[0]).order_by("pk")
        keys = list(others.values_list("pk", flat=True))
        step = max(1, len(keys) // SHARED)
        keys = keys[::step][:SHARED]
        with transaction.atomic():
            BulkTable(Member, "session", "user", "added_at").insert(
                (key, reader.pk, self.now) for key in keys
            )
            BulkTable(ReadMark, "session", "user", "read_up_to").insert(
                (key, reader.pk, self.now) for key in keys[::2]
            )

    def files(self, owner, strangers):
        """Write the files, oldest first."""
        table = BulkTable(
            File,
            *("user", "session", "filename", "search_text", "content_type", "size", "sha256"),
            *("storage_path", "created_at", "deleted_at"),
        )
        moments = sorted(self.moment() for _ in range(self.count))
        self.rare = RARE_NAMES
        for start in range(0, self.count, PORTION):
            with transaction.atomic():
                table.insert(
                    self.file(moment, owner, strangers)
                    for moment in moments[start : start + PORTION]
                )

    def file(self, moment, owner, strangers):
        """Return the row of a file uploaded at `moment`."""
        user = self.pick_user(owner, strangers, self.own / self.count)
        mine, draw = user == owner.pk, self.random.random()
        session = None
        if mine and draw < IN_LARGE_SESSION + IN_SESSION:
            large = draw < IN_LARGE_SESSION
            session = self.own_sessions[0] if large else self.random.choice(self.own_sessions)
        name = self.name(moment)
        if mine and self.rare:
            name, self.rare = f"{RARE} {name}", self.rare - 1
        weights = [kind[0] for kind in KINDS]
        [(_often, content_type, least, most)] = self.random.choices(KINDS, weights)
        size = int(least * (most / least) ** self.random.random())
        gone = self.now if self.random.random() < TRASHED else None
        path = str(uuid.UUID(int=self.random.getrandbits(128)))
        return (
            *(user, session, name, normalize_for_search(name)[:255], content_type, size),
            *(path.replace("-", "") * 2, f"{path[:2]}/{path[2:4]}/{path}", moment, gone),
        )

    def pick_user(self, owner, strangers, share):
        """Return the ID of the owner for a `share` of all calls, else of a stranger."""
        if strangers == [None] or self.random.random() < share:
            return owner.pk
        return self.random.choice(strangers)

    def name(self, moment):
        """Return a realistic name."""
        name, _kind = name_file(self.random, self.random.choice(LANGUAGES), moment)
        if (self.now - moment).days > OLD_DAYS:
            name = f"{OLD} {name}"
        return f"{EMOJI} {name}" if self.random.random() < 1 / 15 else name

    def moment(self):
        """Return a random past time."""
        [(_often, days)] = self.random.choices(AGES, [age[0] for age in AGES])
        return self.now - timedelta(days=days * self.random.random())
