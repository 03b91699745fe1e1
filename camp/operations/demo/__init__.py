"""Believable people, sessions and files, as many as wanted, to look at and to measure with.

Everything that a person sees follows from the random numbers; public identifiers, storage
paths and the password are new each time. Rows are committed in portions, each after its
bytes are on the disk: however it ends, no row is without bytes.
"""

import secrets
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from accounts.identity import KEYS
from camp.db.search_text import normalise
from camp.operations.demo import people, stories
from camp.operations.demo.copies import copies_here
from camp.operations.demo.library import Library
from camp.operations.demo.rows import Table
from camp.operations.demo.times import HOUR, Times, aware
from files.models import File
from sessions_app.models import Message, Session, new_session_id

PORTION = 25_000  # rows of a transaction
TRASHED = 0.03  # the share that lies in the trash
ATTACHED = 0.4  # the share of files that belong to a session
RECENT = 300  # sessions that a new file may belong to
ACQUAINTANCES = 200  # names that are mentioned in messages

search_text = lru_cache(50_000)(normalise)


@dataclass
class Added:
    """What there is more of than before."""

    password: str = ""
    users: int = 0
    sessions: int = 0
    messages: int = 0
    files: int = 0
    examples: dict = field(default_factory=dict)  # language: user name


def fill(*, users, sessions, files, random, now, progress):
    """Add so many of each (at least one user); returns an Added.

    `random` is a random.Random, `now` an aware datetime, `progress` has `add(rows)`. Raises
    OSError if the disk cannot take the bytes, or what the database raises; what was
    committed before stays.
    """
    demo = Demo(random, now.timestamp(), progress)
    demo.add_users(users)
    demo.add_sessions(sessions)
    demo.add_files(files)
    return demo.added


class Demo:
    """What was made so far; of each person and session only numbers stay in memory."""

    def __init__(self, random, now, progress):
        self.random = random
        self.times = Times(random, now)
        self.progress = progress
        self.added = Added()
        self.user_ids, self.languages = array("q"), bytearray()
        # Of the sessions that are not in the trash.
        self.session_ids, self.begun, self.owners = array("q"), array("d"), array("l")
        self.names = {language: [] for language in people.LANGUAGES}

    def add_users(self, count):
        """Add people. All have one password, of which one hash is made: each takes its time."""
        self.added.password = secrets.token_urlsafe(9)
        hashed = make_password(self.added.password)
        table = Table(
            get_user_model(),
            *("username", "email", "password", "language", "time_zone"),
            *("created_at", "updated_at", *(f"{name}_key" for name in KEYS)),
        )
        for portion in portions(people.invented(self.random, count), PORTION):
            rows = []
            for person in portion:
                then = aware(self.times.sign_up())
                named = (person.username, person.email, hashed, person.language, person.time_zone)
                rows.append((*named, then, then, *people.keys(person)))
            with transaction.atomic():
                table.insert(rows)
                ids = ids_of(get_user_model(), "username", [person.username for person in portion])
            for person in portion:
                self.remember(person, ids[person.username])
            self.added.users += len(portion)
            self.progress.add(len(portion))

    def remember(self, person, key):
        """Keep what is needed of somebody."""
        self.user_ids.append(key)
        self.languages.append(people.LANGUAGES.index(person.language))
        self.added.examples.setdefault(person.language, person.username)
        if len(self.names[person.language]) < ACQUAINTANCES:
            self.names[person.language].append(person.called)

    def add_sessions(self, count):
        """Add sessions with their messages."""
        table = Table(
            Session,
            *("user", "session_id", "title", "search_text"),
            *("created_at", "updated_at", "deleted_at"),
        )
        entries = Table(Message, "session", "role", "content", "search_text", "created_at")
        for portion in portions(self.times.spread(count), PORTION // 10):
            several = [Told(self, moment) for moment in portion]
            with transaction.atomic():
                table.insert(told.row for told in several)
                ids = ids_of(Session, "session_id", [told.session_id for told in several])
                entries.insert(
                    (ids[told.session_id], *message)
                    for told in several
                    for message in told.messages
                )
            for told in several:
                self.added.messages += len(told.messages)
                if told.trashed is None:
                    self.session_ids.append(ids[told.session_id])
                    self.begun.append(told.begun)
                    self.owners.append(told.owner)
            self.added.sessions += len(several)
            self.progress.add(len(several))

    def add_files(self, count):
        """Add files, some of them in sessions."""
        table = Table(
            File,
            *("user", "session", "filename", "search_text", "content_type", "size", "sha256"),
            *("storage_path", "created_at", "deleted_at"),
        )
        variety = min(3 + count // 500, 12)
        libraries = [Library(self.random, name, variety) for name in people.LANGUAGES]
        copies = copies_here()
        for portion in portions(self.times.spread(count), PORTION):
            try:
                rows = [self.file_row(libraries, copies, moment) for moment in portion]
                copies.settle()
            except BaseException:
                copies.take_back()
                raise
            commit_files(table, rows, copies)
            self.added.files += len(portion)
            self.progress.add(len(portion))

    def file_row(self, libraries, copies, moment):
        """Return the row of a file that came in then; its bytes are put into the storage."""
        owner, session = self.session_at(moment)
        if session is None:
            owner = self.somebody()
        # In no time zone may a date in a name be the day after.
        sample = libraries[self.languages[owner]].draw(aware(moment - 6 * HOUR))
        content = sample.content
        return (
            self.user_ids[owner],
            session,
            sample.filename,
            search_text(sample.filename)[:255],
            content.content_type,
            content.size,
            content.sha256,
            copies.put(content),
            aware(moment),
            self.times.trashed(moment, TRASHED),
        )

    def session_at(self, moment):
        """Return (owner, id) of a session that a file of that moment belongs to, or Nones."""
        there = bisect_right(self.begun, moment)
        if not there or self.random.random() >= ATTACHED:
            return None, None
        index = there - 1 - int(self.random.random() * min(there, RECENT))
        # The moments of a day come in no order.
        if self.begun[index] > moment:
            return None, None
        return self.owners[index], self.session_ids[index]

    def somebody(self):
        """Return the index of a person; the first ones do the most."""
        return int(len(self.user_ids) * self.random.random() ** 2)


class Told:
    """A session and its messages, before there are rows."""

    def __init__(self, demo, moment):
        random, times = demo.random, demo.times
        self.begun = moment
        self.owner = demo.somebody()
        language = people.LANGUAGES[demo.languages[self.owner]]
        title, texts = stories.told(random, language, random.choice(demo.names[language]))
        self.session_id = new_session_id()
        self.messages = []
        for role, text in texts:
            self.messages.append((role, text, search_text(text), aware(moment)))
            changed, moment = moment, times.after(moment, quick=role != "user")
            if moment > times.now:
                break
        self.trashed = times.trashed(changed, TRASHED)
        self.row = (
            *(demo.user_ids[self.owner], self.session_id, title, search_text(title)[:255]),
            *(aware(self.begun), aware(changed), self.trashed),
        )


def commit_files(table, rows, copies):
    """Save the rows of files whose bytes are on the disk; without rows the bytes go."""
    written = False
    try:
        with transaction.atomic():
            table.insert(rows)
            written = True
    except BaseException as error:
        # A connection lost during COMMIT leaves it open whether the rows are there.
        if not written or isinstance(error, IntegrityError):
            copies.take_back()
        raise
    copies.leave()


def portions(items, size):
    """Yield lists of at most `size` items."""
    items = iter(items)
    while portion := list(islice(items, size)):
        yield portion


def ids_of(model, name, values):
    """Return {value: id} of the rows whose field `name` has one of the values."""
    return dict(model.objects.filter(**{f"{name}__in": values}).values_list(name, "pk"))
