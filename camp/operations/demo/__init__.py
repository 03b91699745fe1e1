"""Sample people, sessions and files in Japanese and English, to look at and try things with.

The same random numbers give the same visible content; public identifiers, storage paths and
the password are new each time. Rows are committed in batches, those of files after their bytes
are on the disk, so that an interrupted run leaves no row without bytes.
"""

import secrets
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.identity import email_key, username_key
from camp.operations.console import Progress
from camp.operations.demo.contents import VARIANTS, make_content
from camp.operations.demo.texts import TEXTS, invent_people, name_file, write_session
from files.library import versions
from files.models import File
from files.storage import staging
from sessions_app.models import Member, Message, ReadMark, Session

BATCH = 200  # rows
SPAN = timedelta(days=180)  # over which sessions and files are spread
TOKYO = timedelta(hours=9)
TRASHED = 0.03  # the share that is in the trash
ATTACHED = 0.4  # the share of files that belong to a session
RECENT = 300  # sessions that a new file may belong to
CIRCLE = 5  # people who keep sessions together
SHARED = 0.4  # the share of sessions that have members

T = TypeVar("T")
Row = tuple[Any, dict[str, datetime | None]]  # an instance, and the times that it gets


@dataclass
class Added:
    """What `fill` added: counts, the password of all users, and {language: a user name}."""

    password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    users: int = 0
    sessions: int = 0
    messages: int = 0
    files: int = 0
    examples: dict[str, str] = field(default_factory=dict)


def fill(
    *,
    users: int,
    sessions: int,
    files: int,
    random: Random,
    now: datetime,
    progress: Progress,
) -> Added:
    """Add so many users (at least one), sessions and files; returns an Added.

    `random` is a random.Random, `now` an aware datetime, `progress` has `add(rows)`. Raises
    OSError if the storage cannot take the bytes, or what the database raises; batches that
    were committed before stay.
    """
    demo = Demo(random, now, progress)
    demo.add_users(users)
    demo.add_sessions(sessions)
    demo.add_files(files)
    return demo.added


class Demo:
    """One run of the command."""

    def __init__(self, random: Random, now: datetime, progress: Progress) -> None:
        self.random, self.now, self.progress = random, now, progress
        self.added = Added()
        self.users: list[Any] = []
        self.nicknames: dict[str, list[str]] = {language: [] for language in TEXTS}
        self.circles: dict[int, list[Any]] = {}  # by the user's key: the user and some others
        self.sessions: list[Session] = []  # those not in the trash, the oldest first
        self.writers: dict[int, list[Any]] = {}  # by the session's key: who may add to it

    def add_users(self, count: int) -> None:
        """Add users, all with the same password."""
        model, hashed = get_user_model(), make_password(self.added.password)
        taken = {
            key for keys in model.objects.values_list("username_key", "email_key") for key in keys
        }
        free = (
            person
            for person in invent_people(self.random)
            if taken.isdisjoint((username_key(person.username), email_key(person.email)))
        )
        for people in batches(islice(free, count)):
            rows: list[Row] = []
            for person in people:
                self.nicknames[person.language].append(person.nickname)
                self.added.examples.setdefault(person.language, person.username)
                user = model(
                    username=person.username,
                    email=person.email,
                    password=hashed,
                    language=person.language,
                    time_zone=person.time_zone,
                )
                signed_up = self.now - SPAN - timedelta(days=self.random.uniform(20, 60))
                rows.append((user, {"created_at": signed_up, "updated_at": signed_up}))
            with transaction.atomic():
                self.users += insert(rows)
            self.added.users += len(people)
            self.progress.add(len(people))
        for language in TEXTS:
            alike = [user for user in self.users if user.language == language]
            for first in range(0, len(alike), CIRCLE):
                circle = alike[first : first + CIRCLE]
                self.circles |= {user.pk: circle for user in circle}

    def add_sessions(self, count: int) -> None:
        """Add sessions with their messages and members."""
        for moments in batches(self.moments(count)):
            rows: list[Row] = []
            messages: list[Row] = []
            members: list[Row] = []
            marks: list[ReadMark] = []
            for moment in moments:
                user = self.pick_user()
                nickname = self.random.choice(self.nicknames[user.language])
                title, texts = write_session(self.random, user.language, nickname)
                session = Session(user=user, title=title)
                joined = self.make_members(session)
                members += [(member, {"added_at": moment}) for member in joined]
                writers = [user, *(member.user for member in joined if member.may_write)]
                last = moment
                for (role, content), written in zip(texts, self.pauses(moment), strict=False):
                    last = written
                    author = self.random.choice(writers) if role == "user" else None
                    message = Message(session=session, author=author, role=role, content=content)
                    messages.append((message, {"created_at": written}))
                    marks += [
                        ReadMark(session=session, user=member.user, read_up_to=written)
                        for member in joined
                        if written == moment and self.random.random() < 0.7
                    ]
                times = {"created_at": moment, "updated_at": last}
                rows.append((session, {**times, "deleted_at": self.deleted_at(last)}))
            with transaction.atomic():
                saved = insert(rows)
                insert(messages)
                insert(members)
                ReadMark.objects.bulk_create(marks, batch_size=BATCH)
            for member, _times in members:
                if member.may_write:
                    self.writers.setdefault(member.session.pk, []).append(member.user)
            self.sessions += [session for session in saved if session.deleted_at is None]
            self.added.sessions += len(rows)
            self.added.messages += len(messages)
            self.progress.add(len(rows))

    def add_files(self, count: int) -> None:
        """Add files, some of them in sessions."""
        begun = [session.created_at for session in self.sessions]
        for moments in batches(self.moments(count)):
            rows, staged = [], []
            try:
                for moment in moments:
                    file, content = self.make_file(moment, begun)
                    staged.append(staging.StagedBytes())
                    staged[-1].write(content)
                    staged[-1].finish_in_background()
                    rows.append(
                        (file, {"created_at": moment, "deleted_at": self.deleted_at(moment)})
                    )
                for each in staged:
                    each.finish()
                paths = staging.keep_all(staged)
            except BaseException:
                for each in staged:
                    each.discard()
                raise
            for (file, _times), each, path in zip(rows, staged, paths, strict=True):
                file.size, file.sha256, file.storage_path = each.size, each.sha256, path
            with versions.rows_for_bytes(paths):
                insert(rows)
            self.added.files += len(rows)
            self.progress.add(len(rows))

    def make_file(self, moment: datetime, begun: list[datetime]) -> tuple[File, bytes]:
        """Return a File uploaded at `moment`, and its bytes; `begun` is when each session began."""
        user, session = self.pick_user(), None
        before = bisect_right(begun, moment)
        if before and self.random.random() < ATTACHED:
            session = self.sessions[self.random.randrange(max(before - RECENT, 0), before)]
            user = self.random.choice([session.user, *self.writers.get(session.pk, [])])
        name, kind = name_file(self.random, user.language, moment)
        variant = self.random.randrange(VARIANTS)
        content, media_type = make_content(user.language, kind, variant)
        return File(user=user, session=session, filename=name, content_type=media_type), content

    def make_members(self, session: Session) -> list[Member]:
        """Return the members of a session, not yet saved: some of its owner's circle, or none."""
        others = [user for user in self.circles[session.user.pk] if user != session.user]
        if not others or self.random.random() >= SHARED:
            return []
        chosen = self.random.sample(others, self.random.randint(1, len(others)))
        return [
            Member(
                session=session,
                user=user,
                may_write=self.random.random() < 0.8,
                added_by=session.user,
            )
            for user in chosen
        ]

    def pick_user(self) -> Any:
        """Return a user; the first ones do the most."""
        return self.users[int(len(self.users) * self.random.random() ** 2)]

    def moments(self, count: int) -> list[datetime]:
        """Return moments in order: the more the nearer, and while people in Japan are awake."""
        random, found = self.random.random, []
        for _number in range(count):
            day = self.now - SPAN * random() ** 1.5 + TOKYO
            hour = 7.5 + 16.5 * (random() + random()) / 2
            moment = day.replace(hour=0, minute=0, second=0, microsecond=0) - TOKYO
            moment += timedelta(hours=hour)
            found.append(moment if moment < self.now else self.now - timedelta(hours=3 * random()))
        return sorted(found)

    def pauses(self, moment: datetime) -> Iterator[datetime]:
        """Yield when the messages of a session are written, none of them in the future."""
        while moment <= self.now:
            yield moment
            long = self.random.random() < 0.3
            moment += timedelta(minutes=self.random.uniform(60, 2880) if long else 10)

    def deleted_at(self, moment: datetime) -> datetime | None:
        """Return when something last changed at `moment` went into the trash, mostly None."""
        if self.random.random() >= TRASHED:
            return None
        earliest = max(moment, self.now - timedelta(days=settings.TRASH_DAYS - 1))
        return earliest + (self.now - earliest) * self.random.random()


def insert(rows: list[Row]) -> list[Any]:
    """Save (instance, times) pairs, with these times in place of now; returns the instances."""
    instances = [instance for instance, _times in rows]
    if not instances:
        return []
    manager = type(instances[0]).objects
    manager.bulk_create(instances, batch_size=BATCH)
    for instance, times in rows:
        instance.__dict__.update(times)
    manager.bulk_update(instances, list(rows[0][1]), batch_size=BATCH)
    return instances


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield lists of at most BATCH items."""
    items = iter(items)
    while batch := list(islice(items, BATCH)):
        yield batch
