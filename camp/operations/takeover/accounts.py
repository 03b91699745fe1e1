"""People of the old backend: their names, their e-mails and their passwords."""

# ruff: noqa: S608  (names come from the catalogue, and are quoted)

from collections import Counter
from dataclasses import replace
from functools import partial

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import identify_hasher
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.hashers import add_algorithm_prefix
from accounts.identity import fold
from accounts.keys import fill_keys
from camp.db.old_metadata import squeezed
from camp.operations.takeover import catalogue, later, postgresql, sqlite
from camp.operations.takeover.collisions import LIMITS, Person, changes, collisions, write_template
from camp.operations.takeover.expected import Expected
from camp.operations.takeover.ordering import insertion
from camp.operations.takeover.steps import Part, Step, count, quoted

TABLE = "sample_users"
OWN = "camp-"  # before the ids of accounts that are not taken over
SHOWN = 20


def part(matches, settlement):
    """Return what the takeover of the accounts finds and does, as a Part."""
    match = matches.get(TABLE)
    found = Part(_("People"))
    if match is None:
        return found
    key = match.names["id"]
    columns = {name: match.names.get(name) for name in ("email", "username", "hashed_password")}
    # As they are going to be numbered, so that the same account is the older one then.
    age = [quoted(match.names["created_at"])] if "created_at" in match.names else []
    order = [*age, *insertion(match, renamed=False)] if match.renumbered else [quoted(key)]
    everybody = list(people(match.found.name, key, columns, order))
    found.lines += hash_lines(everybody)
    everybody = [*camps_own(match), *everybody]
    changed = changes(everybody, settlement)
    if settlement.template:
        write_template(settlement.template, everybody)
        found.lines.append(
            _("The accounts to settle are in %(file)s.") % {"file": settlement.template}
        )
    found.lines += [change for old, new in changed for change in differences(old, new)]
    wanted = {new.key: new for _old, new in changed}
    left = collisions([wanted.get(person.key, person.comparable) for person in everybody])
    found.problems += problem_lines(left)
    found.lines += remarks([wanted.get(person.key, person) for person in everybody])
    found.before = [*steps(match, settlement)]
    # On SQLite the rows come back only after the migrations.
    found.after = [Step("", run=lambda: fill_keys(get_user_model()))]
    return found


def camps_own(match):
    """Return the people who have accounts of Camp's own already; they keep their names."""
    if not match.beside:
        return []
    columns = {name: name for name in ("email", "username", "hashed_password")}
    own = people(match.name, "id", columns, ["id"])
    return [replace(person, key=f"{OWN}{person.key}") for person in own]


def people(table, key, columns, order):
    """Yield each Person, sorted by SQL terms; `columns` are {Camp's name: old column or None}."""
    names = ", ".join(quoted(name) if name else "''" for name in columns.values())
    sql = f"SELECT {quoted(key)}, {names} FROM {quoted(table)} ORDER BY {', '.join(order)}"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(2000):
            for row_key, *values in rows:
                yield Person(str(row_key), *map(text_of, values))


def text_of(value):
    """Return a value of the database as text."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return "" if value is None else str(value)


def steps(match, settlement):
    """Yield what is done to the accounts, in Camp's columns by then."""
    table = quoted(match.table)

    def settle():
        # Read again: the rows are locked only now.
        key = match.aside.get(match.names["id"], "id")
        columns = {name: name for name in ("email", "username")}
        everybody = [*camps_own(match), *people(match.table, key, columns, ["id"])]
        changed = [new for _old, new in changes(everybody, settlement)]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {quoted(key)}, id FROM {table}")
            numbers = {str(old): number for old, number in cursor.fetchall()}
            update = f"UPDATE {table} SET email = %s, username = %s WHERE id = %s"
            # First out of each other's way.
            away = [(f"~{new.key}", f"~{new.key}", numbers[new.key]) for new in changed]
            cursor.executemany(update, away)
            cursor.executemany(
                update, [(new.email, new.username, numbers[new.key]) for new in changed]
            )

    yield Step("", run=settle)
    password = quoted("hashed_password")
    yield Step(
        _("Argon2 hashes are marked as what they are; bcrypt is told apart at the first log-in."),
        [
            f"UPDATE {table} SET {password} = 'argon2' || {password} "
            f"WHERE {password} LIKE '$argon2%'"
        ],
    )


def hash_lines(everybody):
    """Return lines that count the people by the kind of their password's hash."""
    kinds = Counter(kind(person.hashed) for person in everybody)
    names = {
        "bcrypt": _("bcrypt, plain or over SHA-256: their passwords keep working"),
        "argon2": _("Argon2: their passwords keep working"),
        "": _("no password: they ask for one with “Forgot your password?”"),
        "?": _(
            "a kind that Camp does not know: they ask for a new one with “Forgot your password?”"
        ),
    }
    return [
        ngettext("%(count)s person: %(kind)s", "%(count)s people: %(kind)s", number)
        % {
            "count": f"{number:,}",
            "kind": names.get(name) or _("%(kind)s, as Camp keeps it") % {"kind": name},
        }
        for name, number in sorted(kinds.items())
    ]


def kind(hashed):
    """Return what made a hash: "bcrypt", "argon2", the name of Django's hasher, "" or "?"."""
    if not hashed:
        return ""
    if hashed.startswith("$argon2"):
        return "argon2"
    try:
        algorithm = identify_hasher(add_algorithm_prefix(hashed)).algorithm
    except ValueError:
        return "?"
    return "bcrypt" if algorithm == "old" else algorithm


def problem_lines(wrong):
    """Yield a sentence for each account that is not settled, and how to settle them."""
    for number, (key, fields) in enumerate(wrong.items()):
        if number == SHOWN:
            rest = len(wrong) - SHOWN
            text = ngettext("… and %(count)d more account.", "… and %(count)d more accounts.", rest)
            yield text % {"count": rest}
            break
        for field, other in fields.items():
            yield sentence(field, other) % {"key": key, "other": other}
    if wrong:
        yield _(
            "Settle the accounts with --settle rename, which gives the newer one another name, or "
            "write them down with --settle-template FILE, change it and add --settle-file FILE."
        )


def sentence(field, other):
    """Return what is wrong with an account's field, the keys left out."""
    if field == "email":
        return (
            _("Account %(key)s has the e-mail of account %(other)s when case is ignored.")
            if other
            else _("Account %(key)s has no e-mail.")
        )
    return (
        _("Account %(key)s has the user name of account %(other)s when case is ignored.")
        if other
        else _("Account %(key)s has no user name.")
    )


def differences(old, new):
    """Yield a line for each field of an account that changes."""
    words = {"email": _("e-mail"), "username": _("user name")}
    for field, word in words.items():
        if getattr(old, field) != getattr(new, field):
            yield _("Account %(key)s: the %(field)s “%(old)s” becomes “%(new)s”.") % {
                "key": old.key,
                "field": word,
                "old": getattr(old, field),
                "new": getattr(new, field),
            }


def remarks(everybody):
    """Yield lines about accounts that log in differently from now on."""
    for person in everybody:
        values = {"key": person.key, "name": person.username}
        if "@" in person.username and fold(person.username) != fold(person.email):
            text = _(
                "Account %(key)s logs in with its e-mail: its user name “%(name)s” has an “@”."
            )
            yield text % values
        elif len(person.username) > LIMITS["username"]:
            text = _("Account %(key)s keeps its long user name until it changes it: “%(name)s”.")
            yield text % values


def mends(zone):
    """Yield the Step that an earlier takeover left to do: when people last logged in."""
    found = catalogue.found({TABLE: TABLE}).tables[TABLE].columns.values()
    target = Expected().tables[TABLE].later["last_login"]
    names = [name for name in later.TAKEN[target.name] if name != squeezed(target.name)]
    for column in [column for column in found if squeezed(column.name) in names][:1]:
        lacking = f"last_login IS NULL AND {quoted(column.name)} IS NOT NULL"
        if number := count(f"SELECT COUNT(*) FROM {quoted(TABLE)} WHERE {lacking}"):
            text = ngettext(
                "%(count)s person gets the time of the last log-in from %(column)s.",
                "%(count)s people get the time of their last log-in from %(column)s.",
                number,
            )
            values = {"count": f"{number:,}", "column": column.name}
            yield Step(text % values, run=partial(fill_last_login, column, target, lacking, zone))


def fill_last_login(column, target, lacking, zone):
    """Take over when people last logged in, from a column that was kept."""
    engine = postgresql
    if connection.vendor == "sqlite":
        engine = sqlite
        sqlite.prepare(zone)
    value = engine.cast(quoted(column.name), column, target, zone)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {quoted(TABLE)} SET last_login = {value} WHERE {lacking}")
