"""Moving the rows of the old tables into Camp's own tables, in the transaction that is open.

The old tables move into a schema of their own. Camp's migrations then make its tables where they
are missing, the rows are copied, and the old tables are dropped. `new_keys_…` are temporary
tables that say which old key became which new one.
"""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.management import CommandError, call_command
from django.core.management.commands.migrate import Command as Migrate
from django.db import connection
from django.utils.translation import gettext as _
from psycopg import sql

from camp.db.search_text import fill_search_text
from camp.operations.database.old_tables import APPS
from camp.operations.takeover.catalogue import Pointer, fetch_value, quote
from camp.operations.takeover.sessions import order_messages
from camp.operations.takeover.shapes import TARGETS, TableMap, Target
from sessions_app.models import Session

LOCK_TIMEOUT = "10s"  # for other connections to finish
SCHEMA = "camp_old_backend"


def find_model(table: str) -> Any:
    """Return the model of one of Camp's tables."""
    return next(model for model in apps.get_models() if model._meta.db_table == table)


def lock_tables(names: Iterable[str]) -> None:
    """Lock the old tables until the transaction ends; raises DatabaseError if others use them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        for name in names:
            cursor.execute(f"LOCK TABLE {quote(name)} IN ACCESS EXCLUSIVE MODE")


def convert_tables(
    maps: dict[str, TableMap],
    pointers: dict[str, list[Pointer]],
    new_accounts: dict[str, tuple[str, str]],
    zone: str,
) -> None:
    """Move all rows into Camp's tables; the arguments are those of a Plan.

    Raises CommandError if a table had not as many rows afterwards as it should have.
    """
    old_names = [mapping.old.name for mapping in maps.values()]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for pointer in (each for several in pointers.values() for each in several):
            cursor.execute(f"ALTER TABLE {pointer.table} DROP CONSTRAINT {quote(pointer.name)}")
        for name in old_names:
            cursor.execute(f"ALTER TABLE {quote(name)} SET SCHEMA {SCHEMA}")
        # Django's own command: Camp's refuses a database with tables of the old backend.
        call_command(Migrate(), verbosity=0, interactive=False)
        # Tables with checks that are still to come cannot be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        create_key_tables(cursor, new_accounts)
        for mapping in maps.values():
            copy_table(cursor, mapping, zone)
        old_tables = ", ".join(qualify(name) for name in old_names)
        cursor.execute(f"DROP TABLE {old_tables}")
        cursor.execute(f"DROP SCHEMA {SCHEMA}")
        for name, several in pointers.items():
            for pointer in several:
                redirect_pointer(cursor, maps[name], pointer)
    fill_search_text(apps, "sessions_app.Session", "title", limit=255)
    fill_search_text(apps, "sessions_app.Message", "content")


def qualify(name: str) -> str:
    """Return the name of an old table in its schema."""
    return f"{SCHEMA}.{quote(name)}"


def create_key_tables(cursor: Any, new_accounts: dict[str, tuple[str, str]]) -> None:
    """Create the temporary tables that the copying looks up.

    `new_accounts` is {old key: (e-mail, user name)} for accounts that get other names.
    """
    for table in APPS:
        cursor.execute(
            f"CREATE TEMPORARY TABLE {key_table(table)} (old text PRIMARY KEY, new bigint) "
            "ON COMMIT DROP"
        )
    cursor.execute(
        "CREATE TEMPORARY TABLE new_accounts (old text PRIMARY KEY, email text, username text) "
        "ON COMMIT DROP"
    )
    rows = [(key, *names) for key, names in new_accounts.items()]
    cursor.executemany("INSERT INTO new_accounts VALUES (%s, %s, %s)", rows)


def key_table(name: str) -> str:
    """Return the name of the table of the new keys of one of Camp's tables."""
    return quote(f"new_keys_{name}")


def copy_table(cursor: Any, mapping: TableMap, zone: str) -> None:
    """Copy the rows of one old table into Camp's."""
    own_rows = fetch_value(f"SELECT COUNT(*) FROM {quote(mapping.name)}")
    for source, name in mapping.kept.items():
        column = f"{quote(name)} {mapping.old.columns[source].type}"
        cursor.execute(f"ALTER TABLE {quote(mapping.name)} ADD COLUMN IF NOT EXISTS {column}")
    number_rows(cursor, mapping)
    if mapping.name == "sample_messages":
        add_lost_sessions(cursor, mapping)
    values = list_values(mapping, zone)
    widen_columns(cursor, mapping, values)
    columns = ", ".join(map(quote, values))
    cursor.execute(
        f"INSERT INTO {quote(mapping.name)} ({columns}) SELECT {', '.join(values.values())} "
        f"{list_sources(mapping)} ORDER BY keys.new"
    )
    restart_sequence(cursor, mapping.name)
    rows = fetch_value(f"SELECT COUNT(*) FROM {quote(mapping.name)}")
    if rows != own_rows + mapping.old.rows:
        sentence = _(
            "%(table)s would have %(after)d rows instead of %(before)d. The database is unchanged."
        )
        before = own_rows + mapping.old.rows
        raise CommandError(sentence % {"table": mapping.name, "after": rows, "before": before})


def list_sources(mapping: TableMap) -> str:
    """Return the FROM clause that the values of a table come from."""
    key = f"old.{quote(mapping.key)}::text"
    tables = f"{qualify(mapping.old.name)} AS old JOIN {key_table(mapping.name)} AS keys"
    clause = f"FROM {tables} ON keys.old = {key}"
    if mapping.name == "sample_users":
        clause += f" LEFT JOIN new_accounts ON new_accounts.old = {key}"
    return clause


def number_rows(cursor: Any, mapping: TableMap) -> None:
    """Note the new key of each row: the old one, or numbers in the order in which rows came."""
    key, into = quote(mapping.key), f"INSERT INTO {key_table(mapping.name)}"
    if not mapping.renumbered:
        cursor.execute(f"{into} SELECT {key}::text, {key} FROM {qualify(mapping.old.name)}")
        return
    clause, rows, order = "", qualify(mapping.old.name), order_rows(mapping)
    if mapping.name == "sample_messages":
        clause, order = order_messages(mapping, rows)
        key, rows = "old", "judged"
    cursor.execute(
        f"{clause} {into} SELECT {key}::text, row_number() OVER (ORDER BY {order}) + "
        f"(SELECT coalesce(max(id), 0) FROM {quote(mapping.name)}) FROM {rows}"
    )


def order_rows(mapping: TableMap) -> str:
    """Return the SQL terms that sort the rows of an old table by age, the oldest first."""
    created = mapping.columns.get("created_at")
    terms = [quote(created)] if created else []
    # Rows that were never changed lie as they were inserted.
    return ", ".join([*terms, *([] if mapping.has_integer_keys else ["ctid"]), quote(mapping.key)])


def list_values(mapping: TableMap, zone: str) -> dict[str, str]:
    """Return {Camp's column: SQL of its value}."""
    values = {"id": "keys.new"}
    values |= {target.name: convert_value(target, mapping, zone) for target in mapping.targets}
    for source, name in mapping.kept.items():
        values[name] = f"old.{quote(source)}"
    targets = {target.name: target for target in TARGETS[mapping.name]}
    for field in find_model(mapping.name)._meta.concrete_fields:
        if field.column in values or field.null:
            continue
        if field.column in targets:
            values[field.column] = fill_absent(targets[field.column], mapping, zone)
        else:
            values[field.column] = quote_literal(field.get_default())
    return values


def quote_literal(value: object) -> str:
    """Return a value as SQL writes it."""
    return sql.Literal(value).as_string(connection.connection)


def fill_absent(target: Target, mapping: TableMap, zone: str) -> str:
    """Return the SQL of a value for which there is no old column."""
    if target.kind == "reference":
        return look_up(target.references, "NULL")
    if target.kind == "time":
        return f"coalesce({', '.join([*list_times(mapping, zone), target.default])})"
    if target.name == "session_id" and not mapping.has_integer_keys:
        # Links that people kept have the key.
        return f"old.{quote(mapping.key)}::text"
    return target.default


def list_times(mapping: TableMap, zone: str) -> list[str]:
    """Return the SQL of the times at which a row was created and changed."""
    times = [each for each in mapping.targets if each.name in ("created_at", "updated_at")]
    return [cast_time(mapping, each, zone) for each in times]


def convert_value(target: Target, mapping: TableMap, zone: str) -> str:
    """Return the SQL of Camp's value of a column."""
    old = f"old.{quote(mapping.columns[target.name])}"
    if target.kind == "reference":
        return look_up(target.references, old)
    if target.kind == "trash":
        # From today on: after the old date the next sweep would remove it at once.
        is_boolean = mapping.old.columns[mapping.columns[target.name]].type_name == "bool"
        return f"CASE WHEN {old if is_boolean else f'{old} IS NOT NULL'} THEN now() END"
    if target.kind == "time":
        spare = list_times(mapping, zone) if target.default != "NULL" else []
        return f"coalesce({', '.join([cast_time(mapping, target, zone), *spare, target.default])})"
    if target.kind == "hash":
        # Django's name of the hasher stands before the hash.
        prefix = f"CASE WHEN {old}::text LIKE '$argon2%' THEN 'argon2' ELSE '' END"
        return f"{prefix} || coalesce({old}::text, '')"
    if target.kind == "integer":
        return f"coalesce(round({old}::numeric)::bigint, {target.default})"
    if target.kind == "boolean":
        return f"coalesce({old}::boolean, {target.default})"
    if (mapping.name, target.name) == ("sample_sessions", "session_id"):
        # Public identifiers are unique; a new one is better than none.
        place = f"row_number() OVER (PARTITION BY {old} ORDER BY keys.new)"
        return (
            f"CASE WHEN {old}::text <> '' AND {place} = 1 THEN {old}::text "
            f"ELSE {target.default} END"
        )
    if mapping.name == "sample_users" and target.name in ("email", "username"):
        return f"coalesce(new_accounts.{target.name}, {old}::text, '')"
    if target.default == "NULL":
        return f"{old}::text"
    return f"coalesce(nullif({old}::text, ''), {target.default})"


def cast_time(mapping: TableMap, target: Target, zone: str) -> str:
    """Return the SQL of a time; old ones without a time zone are of `zone`."""
    source = mapping.old.columns[mapping.columns[target.name]]
    old = f"old.{quote(source.name)}"
    return old if source.type_name == "timestamptz" else f"{old}::timestamp AT TIME ZONE '{zone}'"


def look_up(table: str, old: str) -> str:
    """Return the SQL of the new key that an old reference leads to, NULL if to nothing."""
    new = f"(SELECT new FROM {key_table(table)} WHERE old = coalesce({old}::text, ''))"
    if table != "sample_sessions":
        return new
    # It may hold the public identifier as well.
    public = f"(SELECT id FROM {quote(table)} WHERE session_id = {old}::text)"
    return f"coalesce({new}, {public})"


def add_lost_sessions(cursor: Any, mapping: TableMap) -> None:
    """Create a session for messages whose session is gone, so that no message is lost."""
    old = (
        f"old.{quote(mapping.columns['session_id'])}" if "session_id" in mapping.columns else "NULL"
    )
    cursor.execute(
        f"SELECT DISTINCT coalesce({old}::text, '') FROM {qualify(mapping.old.name)} AS old "
        f"WHERE {look_up('sample_sessions', old)} IS NULL ORDER BY 1"
    )
    lost = [key for (key,) in cursor.fetchall()]
    sessions = Session._base_manager.bulk_create([Session() for _key in lost], batch_size=1000)
    cursor.executemany(
        f"INSERT INTO {key_table('sample_sessions')} VALUES (%s, %s)",
        [(key, session.pk) for key, session in zip(lost, sessions, strict=True)],
    )


def widen_columns(cursor: Any, mapping: TableMap, values: dict[str, str]) -> None:
    """Let Camp's columns hold old texts that are longer than Camp allows; none is cut."""
    limits = {
        field.column: field.max_length
        for field in find_model(mapping.name)._meta.concrete_fields
        if field.max_length and field.column in mapping.columns
    }
    lengths = ", ".join(f"length({values[column]}) AS {quote(column)}" for column in limits)
    longest = ", ".join(f"max({quote(column)})" for column in limits)
    cursor.execute(f"SELECT {longest} FROM (SELECT {lengths} {list_sources(mapping)}) AS lengths")
    for (column, limit), length in zip(limits.items(), cursor.fetchone(), strict=True):
        if (length or 0) > limit:
            cursor.execute(
                f"ALTER TABLE {quote(mapping.name)} ALTER COLUMN {quote(column)} TYPE text"
            )


def restart_sequence(cursor: Any, name: str) -> None:
    """Number new rows of one of Camp's tables after its last row."""
    sequence = fetch_value("SELECT pg_get_serial_sequence(%s, 'id')", [quote(name)])
    free = fetch_value(f"SELECT coalesce(max(id), 0) + 1 FROM {quote(name)}")
    if fetch_value(f"SELECT last_value + is_called::int FROM {sequence}") < free:
        # A rollback undoes this, but not setval().
        cursor.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {free}")


def redirect_pointer(cursor: Any, mapping: TableMap, pointer: Pointer) -> None:
    """Have a foreign key that led into an old table lead to the same rows of Camp's."""
    names = {source: column for column, source in mapping.columns.items()} | mapping.kept
    columns = [names[column] for column in pointer.columns]
    target = f"{quote(mapping.name)} ({', '.join(map(quote, columns))})"
    if columns != ["id"]:
        index = quote("_".join([mapping.name, *columns, "old"]))
        cursor.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {target}")
    before, _old, rest = pointer.definition.partition(" REFERENCES ")
    definition = f"{before} REFERENCES {target}{rest.partition(')')[2]}"
    cursor.execute(f"ALTER TABLE {pointer.table} ADD CONSTRAINT {quote(pointer.name)} {definition}")
