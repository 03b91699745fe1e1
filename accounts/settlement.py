"""Settling accounts whose user name or e-mail another account has.

Two names or e-mails are the same if their keys are (accounts.identity). The older account keeps
what it has; a person decides what the other is called.
"""

import csv
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.identity import KEYS
from accounts.keys import colliding_accounts, refresh_keys
from camp.db.errors import error_reason
from camp.fs.text import normalize

LIMITS = {"email": 255, "username": 50}
NO_EMAIL = "nobody-{key}@no-email.invalid"
FIELDS = ("id", "email", "username")


@dataclass(frozen=True)
class Account:
    """An account as its row has it; `key` is the primary key as text."""

    key: str
    email: str
    username: str
    password_hash: str = ""

    def clean(self):
        """Return the same with e-mail and user name as the log-in form passes them on."""
        return replace(self, email=clean_login(self.email), username=clean_login(self.username))


@dataclass
class Settlement:
    """How collisions are settled: by new names (`rename`), or by the names in a `file`."""

    rename: bool = False
    file: str = ""
    template: str = ""  # where to write such a file


def clean_login(text):
    """Return a user name or an e-mail as the log-in form passes it on."""
    return normalize(text).replace("\x00", "").strip()


def find_collisions(accounts):
    """Return {key: {field: key of the account that has the same, or "" for an empty field}}."""
    found = {}
    for field in LIMITS:
        holders = {}
        for account in accounts:
            text = KEYS[field](getattr(account, field))
            if not text:
                found.setdefault(account.key, {})[field] = ""
            elif holders.setdefault(text, account.key) != account.key:
                found.setdefault(account.key, {})[field] = holders[text]
    return found


def plan_changes(accounts, settlement):
    """Return (old, new) Accounts for those whose row must change."""
    wanted = {account.key: account.clean() for account in accounts}
    if settlement.file:
        wanted |= read_file(settlement.file, wanted)
    if settlement.rename:
        wanted |= propose_names(list(wanted.values()))
    return [(old, wanted[old.key]) for old in accounts if old != wanted[old.key]]


def propose_names(accounts):
    """Return {key: Account} with free names and e-mails for those that collide."""
    collisions = find_collisions(accounts)
    used = {
        field: {
            KEYS[field](getattr(account, field))
            for account in accounts
            if field not in collisions.get(account.key, {})
        }
        for field in LIMITS
    }
    proposals = {}
    for account in accounts:
        new = {}
        for field in collisions.get(account.key, {}):
            tries = list_usernames(account) if field == "username" else list_emails(account)
            new[field] = next(text for text in tries if KEYS[field](text) not in used[field])
            used[field].add(KEYS[field](new[field]))
        if new:
            proposals[account.key] = replace(account, **new)
    return proposals


def list_usernames(account):
    """Yield user names for an account, the best first."""
    stem = account.username or account.email.partition("@")[0] or f"user-{account.key}"
    if not account.username:
        yield stem[: LIMITS["username"]]
    for number in range(2, 1_000_000):
        yield f"{stem[: LIMITS['username'] - len(f'-{number}')]}-{number}"


def list_emails(account):
    """Yield e-mails for an account; most servers deliver to addresses with a plus."""
    if not account.email:
        yield NO_EMAIL.format(key=account.key)
    local, at, domain = account.email.rpartition("@")
    for number in range(2, 1_000_000):
        yield f"{local}+{number}{at}{domain}" if at else f"{domain}+{number}"


def describe_change(old, new):
    """Yield a line for each field of an account that changes."""
    labels = {"email": _("e-mail"), "username": _("user name")}
    for field, label in labels.items():
        if getattr(old, field) != getattr(new, field):
            yield _("Account %(key)s: the %(field)s “%(old)s” becomes “%(new)s”.") % {
                "key": old.key,
                "field": label,
                "old": getattr(old, field),
                "new": getattr(new, field),
            }


def read_file(file, known):
    """Return {key: Account} from a CSV file with the columns id, email and username.

    `known` is {key: Account} of all accounts. Raises CommandError.
    """
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        values = {"file": file, "why": error_reason(error)}
        raise CommandError(_("%(file)s cannot be read (%(why)s).") % values) from None
    accounts = {}
    for row in rows:
        if not all(isinstance(row.get(field), str) for field in FIELDS) or row["id"] not in known:
            sentence = _("%(file)s: each line needs the id, email and username of an account.")
            raise CommandError(sentence % {"file": file})
        account = replace(known[row["id"]], email=row["email"], username=row["username"])
        accounts[row["id"]] = account.clean()
    return accounts


def write_template(file, accounts):
    """Write a CSV file that `read_file` reads, with a proposal for each account that collides.

    Raises CommandError if it cannot be written.
    """
    proposals = propose_names([account.clean() for account in accounts])
    try:
        with open(file, "w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*FIELDS, "was"])
            for account in accounts:
                if new := proposals.get(account.key):
                    was = f"{account.email} {account.username}"
                    writer.writerow([new.key, new.email, new.username, was])
    except OSError as error:
        sentence = _("%(file)s cannot be written (%(why)s).")
        raise CommandError(sentence % {"file": file, "why": error.strerror}) from None


def read_current_accounts(model):
    """Return all of Camp's Accounts; those that keep their name come first."""
    refresh_keys(model)
    later = set(colliding_accounts(model).values_list("pk", flat=True))
    rows = model._base_manager.order_by("pk").values_list("pk", "email", "username")
    accounts = [Account(str(pk), email, username).clean() for pk, email, username in rows]
    return sorted(accounts, key=lambda account: int(account.key) in later)


def settle(model, settlement):
    """Settle Camp's accounts as a Settlement says; returns a line for each change.

    All of it is done or nothing. Raises CommandError for names that are taken or not allowed.
    """
    with transaction.atomic():
        changes = plan_changes(read_current_accounts(model), settlement)
        try:
            rename_accounts(model, changes, validate=bool(settlement.file))
        except IntegrityError:
            sentence = _("Two accounts would have the same name or e-mail: nothing was changed.")
            raise CommandError(sentence) from None
        # Others may have the names that are free now.
        refresh_keys(model)
    return [line for old, new in changes for line in describe_change(old, new)]


def rename_accounts(model, changes, *, validate):
    """Save the new names of (old, new) Accounts; `validate` them as at sign-up."""
    for old, new in changes:
        for field in KEYS:
            # Two accounts may exchange their names.
            if getattr(old, field) != getattr(new, field):
                model.objects.filter(pk=int(old.key)).update(**{field: f"~{old.key}"})
    for old, new in changes:
        user = model.objects.get(pk=int(old.key))
        fields = [field for field in KEYS if getattr(old, field) != getattr(new, field)]
        for field in fields:
            setattr(user, field, getattr(new, field))
        if validate:
            validate_fields(user, fields)
        with transaction.atomic():
            user.save(update_fields=[*fields, "updated_at"])


def validate_fields(user, fields):
    """Raise CommandError if the value of one of the fields is not allowed."""
    try:
        user.clean_fields({field.name for field in user._meta.fields} - {*fields})
    except ValidationError as error:
        sentence = _("Account %(key)s: %(why)s Nothing was changed.")
        values = {"key": user.pk, "why": " ".join(error.messages)}
        raise CommandError(sentence % values) from None
