"""In which order the old rows came, which keys that are no numbers do not tell."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from django.db import connection

from camp.db.old_metadata import squeezed
from camp.operations.takeover.steps import quoted

MESSAGES = "sample_messages"
# Where a row lies in its table. Rows that were never changed lie as they were inserted.
PLACE = {"postgresql": "ctid", "sqlite": "rowid"}
# Integer columns that number messages.
COUNTERS = {
    "position", "sequence", "seq", "sequencenumber", "sequenceno", "seqno", "ordinal",
    "messageindex", "messagenumber", "messageorder", "orderindex", "sortorder",
}  # fmt: skip
ANSWERS = ("assistant", "ai", "bot", "model", "tool", "function")


def counter(match):
    """Return the old column that counts the rows of a table as they come, or None."""
    key = match.old("id")
    if key is not None and key.family == "integer":
        return key
    integers = [column for column in match.found.columns.values() if column.family == "integer"]
    numbered = [each for each in integers if each.generated or "nextval(" in each.default]
    named = [each for each in integers if squeezed(each.name) in COUNTERS]
    return next(iter([*numbered, *named]), None)


def insertion(match, *, renamed=True):
    """Return the SQL terms that sort rows as they were inserted.

    Columns have the names that they get in the first steps, or, without `renamed`, those that
    they have before.
    """
    found = counter(match)
    key = match.names["id"]
    names = [found.name] if found else []
    terms = [quoted(match.aside.get(name, name) if renamed else name) for name in [*names, key]]
    return [*terms[:-1], PLACE[connection.vendor], terms[-1]]


def numbered(match):
    """Return a SELECT of all rows as (`old` key, `n`): 1 for the oldest, and so on."""
    key = quoted(match.aside[match.names["id"]])
    if match.name != MESSAGES:
        time = ["created_at"] if "created_at" in match.names else []
        order = ", ".join([*time, *insertion(match)])
        return (
            f"SELECT {key} AS old, row_number() OVER (ORDER BY {order}) AS n "
            f"FROM {quoted(match.table)}"
        )
    old_session = match.names.get("session_id")
    rows = conversations(
        quoted(match.table),
        key=key,
        session=quoted(match.aside.get(old_session, "session_id")),
        inserted=", ".join(insertion(match)),
        # A counter is the truth; without a time, only the insertion tells anything.
        by_role=counter(match) is None and "created_at" in match.names,
    )
    order = f"written, {WITHIN_TIE}, old"
    return f"{rows} SELECT old, row_number() OVER (ORDER BY {order}) AS n FROM judged"


# The order of messages of one session and one time, in terms of `conversations`.
WITHIN_TIE = "CASE broken WHEN 0 THEN place ELSE 0 END, speaker, place"


def conversations(table, *, key, session, inserted, by_role=True):
    """Return the WITH clause of `judged`: messages, and how those of the same time follow.

    Its columns are `old` (the key), `session`, `written`, `speaker` (0 system, 1 question, 2
    answer), `place` (by insertion) and `broken`. The old backend wrote question and answer in
    one transaction, so they have the same time. Where their places read like a conversation,
    with a question before each answer, they are kept; else `broken` is 1: order by speaker.
    """
    answers = ", ".join(f"'{role}'" for role in ANSWERS)
    role = "lower(CAST(role AS varchar))"
    speaker = f"CASE WHEN {role} = 'system' THEN 0 WHEN {role} IN ({answers}) THEN 2 ELSE 1 END"
    speaker = f"CASE WHEN created_at IS NULL THEN 0 ELSE {speaker} END" if by_role else "0"
    return f"""
    WITH ranked AS (
        SELECT {key} AS old, {session} AS session, created_at AS written, {speaker} AS speaker,
               row_number() OVER (PARTITION BY {session}, created_at ORDER BY {inserted}) AS place
        FROM {table}
    ), counted AS (
        SELECT ranked.*,
               count(CASE WHEN speaker = 1 THEN 1 END) OVER so_far AS questions,
               count(CASE WHEN speaker = 2 THEN 1 END) OVER so_far AS answers
        FROM ranked WINDOW so_far AS (PARTITION BY session, written ORDER BY place)
    ), judged AS (
        SELECT counted.*, max(
            CASE WHEN (speaker = 2 AND answers > questions)
                   OR (speaker = 0 AND questions + answers > 0) THEN 1 ELSE 0 END
        ) OVER (PARTITION BY session, written) AS broken
        FROM counted
    )"""


def ties(table, session, time):
    """Return how many messages share their time with another of their session, and how many times.

    The names are those of the columns, as they are now.
    """
    same = (
        f"SELECT COUNT(*) AS number FROM {quoted(table)} WHERE {quoted(time)} IS NOT NULL "
        f"GROUP BY {quoted(session)}, {quoted(time)} HAVING COUNT(*) > 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(sum(number), 0), COUNT(*) FROM ({same}) AS same")
        messages, groups = cursor.fetchone()
    return int(messages), groups


def misplaced():
    """Return a SELECT of (`old`, `new`) ids of Camp's messages that stand before their question.

    `new` are ids of the same session and time.
    """
    rows = conversations(quoted(MESSAGES), key="id", session="session_id", inserted="id")
    same = "other.session = wanted.session AND other.written = wanted.written"
    return f"""{rows}, wanted AS (
        SELECT judged.*,
               row_number() OVER (PARTITION BY session, written ORDER BY {WITHIN_TIE}) AS best
        FROM judged WHERE broken = 1
    )
    SELECT wanted.old AS old, other.old AS new FROM wanted JOIN wanted AS other
        ON {same} AND other.place = wanted.best
    WHERE other.old <> wanted.old"""
