"""Accounts of the old backend: their names, e-mails and passwords."""

# ruff: noqa: S608  (names come from the catalogue, and are quoted)

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from django.contrib.auth.hashers import identify_hasher
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.hashers import add_algorithm_prefix
from accounts.identity import fold
from accounts.settlement import (
    LIMITS,
    Account,
    Settlement,
    describe_change,
    find_collisions,
    plan_changes,
    write_template,
)
from camp.operations.takeover.catalogue import quote
from camp.operations.takeover.shapes import TableMap

COLUMNS = ("email", "username", "hashed_password")
CAMPS_PREFIX = "camp-"  # of the keys of accounts that Camp has already
SHOWN = 20


def review_accounts(
    mapping: TableMap, order: str, settlement: Settlement, *, is_beside: bool
) -> tuple[list[str], list[str], dict[str, tuple[str, str]]]:
    """Return (lines, problems, changes) about the accounts of a TableMap, sorted by `order`.

    `changes` is {old key: (e-mail, user name)} for accounts that get other names, `order` SQL
    terms. With `is_beside` Camp has accounts already, which keep their names.
    """
    sources = {name: mapping.columns.get(name) for name in COLUMNS}
    accounts = list(read_accounts(mapping.old.name, mapping.key, sources, order))
    lines = describe_hashes(accounts)
    if is_beside:
        own = read_accounts(mapping.name, "id", dict(zip(COLUMNS, COLUMNS, strict=True)), "id")
        camps = [replace(account, key=f"{CAMPS_PREFIX}{account.key}") for account in own]
        accounts = [*camps, *accounts]
    changes = [
        (old, new)
        for old, new in plan_changes(accounts, settlement)
        if not old.key.startswith(CAMPS_PREFIX)
    ]
    if settlement.template:
        write_template(settlement.template, accounts)
        text = _("The accounts to settle are in %(file)s.")
        lines.append(text % {"file": settlement.template})
    lines += [line for old, new in changes for line in describe_change(old, new)]
    wanted = {new.key: new for _old, new in changes}
    settled = [wanted.get(account.key, account) for account in accounts]
    lines += describe_logins(settled)
    problems = list(list_collisions(find_collisions([each.clean() for each in settled])))
    return lines, problems, {key: (new.email, new.username) for key, new in wanted.items()}


def read_accounts(
    table: str, key: str, columns: Mapping[str, str | None], order: str
) -> Iterator[Account]:
    """Yield each Account of a table; `columns` is {Camp's column: its column, or None}."""
    names = ", ".join(f"{quote(name)}::text" if name else "''" for name in columns.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {quote(key)}::text, {names} FROM {quote(table)} ORDER BY {order}")
        while rows := cursor.fetchmany(2000):
            for row_key, *values in rows:
                yield Account(row_key, *(value or "" for value in values))


def describe_hashes(accounts: Iterable[Account]) -> list[str]:
    """Return lines that count the accounts by the kind of their password hash."""
    kinds = Counter(identify_hash(account.password_hash) for account in accounts)
    names = {
        "bcrypt": _("bcrypt, with or without SHA-256: the passwords keep working"),
        "argon2": _("Argon2: the passwords keep working"),
        "": _("no password: “Forgot your password?” sets one"),
        "?": _("an unknown kind of hash: “Forgot your password?” sets a new password"),
    }
    return [
        ngettext("%(count)s account: %(kind)s", "%(count)s accounts: %(kind)s", number)
        % {"count": f"{number:,}", "kind": names.get(name, name)}
        for name, number in sorted(kinds.items())
    ]


def identify_hash(password_hash: str) -> str:
    """Return "bcrypt", "argon2", the name of Django's hasher, "" for none, or "?"."""
    if not password_hash:
        return ""
    if password_hash.startswith("$argon2"):
        return "argon2"
    try:
        algorithm = identify_hasher(add_algorithm_prefix(password_hash)).algorithm
    except ValueError:
        return "?"
    return "bcrypt" if algorithm == "old" else algorithm


def list_collisions(collisions: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield a sentence for each collision, and how to settle them."""
    taken = {
        "email": _("Account %(key)s has the e-mail of account %(other)s when case is ignored."),
        "username": _(
            "Account %(key)s has the user name of account %(other)s when case is ignored."
        ),
    }
    empty = {
        "email": _("Account %(key)s has no e-mail."),
        "username": _("Account %(key)s has no user name."),
    }
    for key, fields in list(collisions.items())[:SHOWN]:
        for name, other in fields.items():
            yield (taken if other else empty)[name] % {"key": key, "other": other}
    if (rest := len(collisions) - SHOWN) > 0:
        text = ngettext("… and %(count)d more account.", "… and %(count)d more accounts.", rest)
        yield text % {"count": rest}
    if collisions:
        yield _(
            "Settle the accounts with --settle rename, which gives the newer one another name. "
            "Or write them to a file with --settle-template FILE, change it and add "
            "--settle-file FILE."
        )


def describe_logins(accounts: Iterable[Account]) -> Iterator[str]:
    """Yield lines about accounts whose owners log in differently from now on."""
    for account in accounts:
        values = {"key": account.key, "name": account.username}
        if "@" in account.username and fold(account.username) != fold(account.email):
            text = _(
                "Account %(key)s logs in with its e-mail: its user name “%(name)s” contains an “@”."
            )
            yield text % values
        elif len(account.username) > LIMITS["username"]:
            text = _("Account %(key)s keeps its long user name until it changes it: “%(name)s”.")
            yield text % values
