"""Rows for bench/admin.py: everyone's files, sessions, messages and what organisers look at."""

import hashlib
import random
import uuid
from datetime import UTC, datetime, timedelta

from bulk_rows import BulkTable
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from lists_fill import AGES, KINDS, RARE

from accounts.identity import email_key, username_key
from camp.db import bigram_index
from camp.db.search_text import normalize_for_search
from camp.operations.demo.texts import LANGUAGES, name_file
from files.models import File, Quota, Share, Upload, Version
from sessions_app.models import Message, Session

PORTION = 50_000
PASSWORD = "!"
HEAVY = 0.1  # of all files and sessions belong to the first user
SENTENCES = ["資料を共有します", "Where do we meet tomorrow at noon?", "持ち物を確認してください"]


class Rows:
    """`count` files and messages; a twentieth as many sessions, a two-hundredth users."""

    def __init__(self, count):
        self.count, self.random = count, random.Random(count)
        self.now = datetime.now(UTC)
        self.people = max(count // 200, 60)

    def fill(self):
        """Write all rows, the search indexes last."""
        for key in bigram_index.INDEXES:
            bigram_index.remove(connection, key)
        for write in (self.users, self.sessions, self.messages, self.files, self.others):
            write()
        for key in bigram_index.INDEXES:
            bigram_index.make(connection, key)
        with connection.cursor() as cursor:
            # As autovacuum does; Camp never analyses SQLite.
            if connection.vendor == "postgresql":
                cursor.execute("VACUUM ANALYZE")

    def insert(self, model, names, rows):
        """Insert rows in portions; a transaction each."""
        table, rows = BulkTable(model, *names), iter(rows)
        while portion := [row for row, _number in zip(rows, range(PORTION), strict=False)]:
            with transaction.atomic():
                table.insert(portion)

    def users(self):
        names = ("username", "username_key", "email", "email_key", "password", "created_at")
        names += ("updated_at", "last_login")

        def rows():
            for number in range(self.people):
                name, moment = f"person{number}", self.moment()
                mail = f"{name}@example.org"
                login = self.moment() if number % 3 else None
                keys = (username_key(name), mail, email_key(mail))
                yield (name, *keys, PASSWORD, moment, self.now, login)

        self.insert(get_user_model(), names, rows())
        self.owners = list(get_user_model().objects.order_by("pk").values_list("pk", flat=True))

    def owner(self):
        """Return somebody's ID."""
        return self.owners[0] if self.random.random() < HEAVY else self.random.choice(self.owners)

    def sessions(self):
        names = ("user", "session_id", "title", "search_text", "created_at", "updated_at")
        names += ("deleted_at",)

        def rows():
            for _number in range(max(self.count // 20, 50)):
                title, moment = self.name(), self.moment()
                key = str(uuid.UUID(int=self.random.getrandbits(128)))
                text = normalize_for_search(title)
                gone = self.now if self.random.random() < 0.05 else None
                yield (self.owner(), key, title, text, moment, moment, gone)

        self.insert(Session, names, rows())
        self.places = list(Session.objects.order_by("pk").values_list("pk", flat=True))

    def messages(self):
        names = ("session", "role", "content", "search_text", "created_at")

        def rows():
            for moment in self.moments():
                text = f"{self.random.choice(SENTENCES)} {self.name()}"
                role = "assistant" if self.random.random() < 0.4 else "user"
                place = self.random.choice(self.places)
                yield (place, role, text, normalize_for_search(text), moment)

        self.insert(Message, names, rows())

    def files(self):
        names = ("user", "session", "filename", "search_text", "content_type", "size", "sha256")
        names += ("storage_path", "created_at", "deleted_at")
        weights = [kind[0] for kind in KINDS]

        def rows():
            for number, moment in enumerate(self.moments()):
                name = f"{RARE} {self.name()}" if number % (self.count // 3) == 7 else self.name()
                [(_often, kind, least, most)] = self.random.choices(KINDS, weights)
                size = int(least * (most / least) ** self.random.random())
                gone = self.now if self.random.random() < 0.08 else None
                session = self.random.choice(self.places) if self.random.random() < 0.3 else None
                path = str(uuid.UUID(int=self.random.getrandbits(128)))
                sha256 = hashlib.sha256(path.encode()).hexdigest()
                text = normalize_for_search(name)[:255]
                place = f"{path[:2]}/{path[2:4]}/{path}"
                row = (self.owner(), session, name, text, kind, size, sha256)
                yield (*row, place, moment, gone)

        self.insert(File, names, rows())

    def others(self):
        """Write versions, shared links, quotas, unfinished uploads and the admin's history."""
        keys = list(File.objects.order_by("pk").values_list("pk", flat=True))
        owned = dict(File.objects.values_list("pk", "user"))
        some = self.count // 20
        names = ("file", "filename", "content_type", "size", "storage_path", "since", "replaced_at")
        self.insert(
            Version,
            names,
            (
                (key, "old.txt", "text/plain", 9, "aa/bb/x", self.now, self.now)
                for key in self.random.choices(keys, k=some)
            ),
        )
        shared = [self.random.choice(keys) for _number in range(some // 2)]
        names = ("user", "nonce", "limit", "downloads", "created_at", "expires_at")
        self.insert(
            Share,
            names,
            (
                (owned[key], f"{number:016x}", number % 7 or None, number % 5, self.moment(), ends)
                for number, key in enumerate(shared)
                for ends in [self.now + timedelta(days=self.random.randrange(-300, 30))]
            ),
        )
        links = list(Share.objects.order_by("pk").values_list("pk", flat=True))
        self.insert(Share.files.through, ("share", "file"), zip(links, shared, strict=True))
        Quota.objects.bulk_create(
            Quota(user_id=key, limit=10**10) for key in self.owners[: max(self.people // 10, 55)]
        )
        Upload.objects.bulk_create(
            Upload(user_id=self.owner(), filename=self.name(), length=9, expires_at=self.now)
            for _number in range(max(some // 50, 60))
        )
        kind = ContentType.objects.get_for_model(File).pk
        self.insert(
            LogEntry,
            ("action_time", "user", "content_type", "object_id", "object_repr", "action_flag"),
            (
                (moment, self.owners[1], kind, "1", self.name(), 1 + (number % 20 == 0))
                for number, moment in enumerate(sorted(self.moment() for _ in range(some * 2)))
            ),
        )

    def name(self):
        """Return a realistic name."""
        return name_file(self.random, self.random.choice(LANGUAGES), self.now)[0]

    def moment(self):
        """Return a random past time."""
        [(_often, days)] = self.random.choices(AGES, [age[0] for age in AGES])
        return self.now - timedelta(days=days * self.random.random())

    def moments(self):
        """Return `count` past times in their order."""
        return sorted(self.moment() for _ in range(self.count))
