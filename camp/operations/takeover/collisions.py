"""Accounts of the old backend that Camp could not tell apart, and how they are settled.

Two names or e-mails are the same if their keys are (see accounts.identity). Where two accounts
become one that way, the older keeps what it has; what happens to the other is decided by a
person.
"""

import csv
from dataclasses import dataclass, replace

from django.core.management import CommandError
from django.utils.translation import gettext as _

from accounts.identity import KEYS
from camp.db.errors import error_reason
from camp.fs.text import normalize

LIMITS = {"email": 255, "username": 50}
NO_EMAIL = "nobody-{key}@no-email.invalid"
FIELDS = ("id", "email", "username")


@dataclass(frozen=True)
class Person:
    """An account as its row has it; `key` is the row's, as text."""

    key: str
    email: str
    username: str
    hashed: str = ""

    @property
    def comparable(self):
        """Return the same with name and e-mail in the form that log-ins are looked up by."""
        return replace(self, email=plain(self.email), username=plain(self.username))


@dataclass
class Settlement:
    """How a person wants collisions settled: by `rename`, or as a `file` says."""

    rename: bool = False
    file: str = ""
    template: str = ""


def plain(text):
    """Return a name or an e-mail as the log-in form gives it on."""
    return normalize(text).replace("\x00", "").strip()


def collisions(everybody):
    """Return {key: {field: what is wrong}} for those that cannot stay as they are.

    What is wrong is the key of the account that has the same, or "" where there is nothing.
    """
    wrong = {}
    for field in LIMITS:
        first = {}
        for person in everybody:
            text = KEYS[field](getattr(person, field))
            if not text:
                wrong.setdefault(person.key, {})[field] = ""
            elif first.setdefault(text, person.key) != person.key:
                wrong.setdefault(person.key, {})[field] = first[text]
    return wrong


def changes(everybody, settlement):
    """Return (old, new) Persons for all accounts whose row must change, as far as is settled."""
    wanted = {person.key: person.comparable for person in everybody}
    if settlement.file:
        wanted |= read_file(settlement.file, wanted)
    if settlement.rename:
        wanted |= renamed(list(wanted.values()))
    return [(old, wanted[old.key]) for old in everybody if old != wanted[old.key]]


def renamed(everybody):
    """Return {key: Person} with free names and e-mails for those that collide."""
    wrong = collisions(everybody)
    taken = {
        field: {
            KEYS[field](getattr(person, field))
            for person in everybody
            if field not in wrong.get(person.key, {})
        }
        for field in LIMITS
    }
    settled = {}
    for person in everybody:
        new = {}
        for field in wrong.get(person.key, {}):
            tries = usernames(person) if field == "username" else emails(person)
            new[field] = next(text for text in tries if KEYS[field](text) not in taken[field])
            taken[field].add(KEYS[field](new[field]))
        if new:
            settled[person.key] = replace(person, **new)
    return settled


def usernames(person):
    """Yield names for an account, the likeliest first."""
    stem = person.username or person.email.partition("@")[0] or f"user-{person.key}"
    if not person.username:
        yield stem[: LIMITS["username"]]
    for number in range(2, 1_000_000):
        yield f"{stem[: LIMITS['username'] - len(f'-{number}')]}-{number}"


def emails(person):
    """Yield e-mails for an account; letters to one with a plus still arrive, mostly."""
    if not person.email:
        yield NO_EMAIL.format(key=person.key)
    local, at, domain = person.email.rpartition("@")
    for number in range(2, 1_000_000):
        yield f"{local}+{number}{at}{domain}" if at else f"{domain}+{number}"


def read_file(file, known):
    """Return {key: Person} as a CSV file says: columns id, email, username."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        values = {"file": file, "why": error_reason(error)}
        raise CommandError(_("%(file)s cannot be read (%(why)s).") % values) from None
    settled = {}
    for row in rows:
        if not all(isinstance(row.get(field), str) for field in FIELDS) or row["id"] not in known:
            raise CommandError(
                _("%(file)s: each line needs id, email and username, of an account that is here.")
                % {"file": file}
            )
        person = replace(known[row["id"]], email=row["email"], username=row["username"])
        settled[row["id"]] = person.comparable
    return settled


def write_template(file, everybody):
    """Write the accounts that collide, with a proposal for each, as `read_file` reads them."""
    proposals = renamed([person.comparable for person in everybody])
    with open(file, "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*FIELDS, "was"])
        for person in everybody:
            if new := proposals.get(person.key):
                was = f"{person.email} {person.username}"
                writer.writerow([new.key, new.email, new.username, was])
