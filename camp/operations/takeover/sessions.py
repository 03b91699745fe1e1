"""Sessions of the old backend: the order of their messages, and their titles."""

# ruff: noqa: S608  (names come from the catalogue, and are quoted)

from collections.abc import Iterator
from itertools import islice

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce, Left
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.db.search_text import normalize_for_search
from camp.operations.takeover.catalogue import fetch_value, quote
from camp.operations.takeover.shapes import TableMap
from sessions_app.models import Message, Session
from sessions_app.titles import LOOKED_AT, title_of

BATCH = 500  # sessions written at once
ANSWERS = "'assistant', 'ai', 'bot', 'model', 'tool', 'function'"  # roles


def order_messages(mapping: TableMap, table: str) -> tuple[str, str]:
    """Return a WITH clause and the SQL terms that sort its `judged` rows as they were said.

    `mapping` is the TableMap of the messages, `table` the SQL name of their table. `judged` has
    `old` (the key), `session`, `written`, `speaker` (0 system, 1 question, 2 answer), `place` (in
    order of insertion) and `broken`. The old backend wrote a question and its answer in one
    transaction, so they have the same time. `broken` is 0 where the order of insertion reads like
    a conversation, with a question before each answer; where it is 1, system messages come
    first, then questions, then answers.
    """
    session, created, role = (
        quote(mapping.columns[name]) if mapping.columns.get(name) else "NULL"
        for name in ("session_id", "created_at", "role")
    )
    speaker, key = "0", quote(mapping.key)
    inserted = key if mapping.has_integer_keys else "ctid"  # unchanged rows lie as inserted
    if created == "NULL":
        created = "NULL::timestamptz"
    elif not mapping.has_integer_keys:
        spoken = f"lower({role}::text)"
        speaker = f"""CASE WHEN {created} IS NULL OR {spoken} = 'system' THEN 0
            WHEN {spoken} IN ({ANSWERS}) THEN 2 ELSE 1 END"""
    clause = f"""
    WITH ranked AS (
        SELECT {key} AS old, {session} AS session, {created} AS written, {speaker} AS speaker,
               row_number() OVER (PARTITION BY {session}, {created} ORDER BY {inserted}) AS place
        FROM {table}
    ), counted AS (
        SELECT ranked.*,
               count(*) FILTER (WHERE speaker = 1) OVER so_far AS questions,
               count(*) FILTER (WHERE speaker = 2) OVER so_far AS answers
        FROM ranked WINDOW so_far AS (PARTITION BY session, written ORDER BY place)
    ), judged AS (
        SELECT counted.*, max(
            CASE WHEN (speaker = 2 AND answers > questions)
                   OR (speaker = 0 AND questions + answers > 0) THEN 1 ELSE 0 END
        ) OVER (PARTITION BY session, written) AS broken
        FROM counted
    )"""
    return clause, "written, CASE broken WHEN 0 THEN place ELSE 0 END, speaker, place, old"


def describe_equal_times(mapping: TableMap) -> Iterator[str]:
    """Yield a line on messages that have the same time as others of their session."""
    if not {"session_id", "created_at"} <= mapping.columns.keys():
        return
    session, created = (quote(mapping.columns[name]) for name in ("session_id", "created_at"))
    groups = (
        f"SELECT COUNT(*) AS number FROM {quote(mapping.old.name)} WHERE {created} IS NOT NULL "
        f"GROUP BY {session}, {created} HAVING COUNT(*) > 1"
    )
    number = int(fetch_value(f"SELECT coalesce(sum(number), 0) FROM ({groups}) AS groups"))
    if not number:
        return
    text = ngettext(
        "%(count)s message has the same time as another of its session: %(why)s",
        "%(count)s messages have the same time as another of their session: %(why)s",
        number,
    )
    if mapping.has_integer_keys:
        why = _("the keys tell their order")
    else:
        why = _("the question comes before its answer")
    yield text % {"count": f"{number:,}", "why": why}


def find_untitled() -> Iterator[Session]:
    """Yield the sessions without a title for which there is one, with that title."""
    messages = Message.objects.filter(session=OuterRef("pk")).order_by("created_at", "id")
    messages = messages.values(beginning=Left("content", LOOKED_AT))
    asked = Subquery(messages.filter(role=Message.Role.USER)[:1])
    sessions = Session.objects.filter(title="")
    sessions = sessions.annotate(first=Coalesce(asked, Subquery(messages[:1])))
    for session in sessions.order_by("pk").iterator(chunk_size=BATCH):
        session.title = title_of(session.first, session.old_metadata)
        session.search_text = normalize_for_search(session.title)[:255]
        if session.title:
            yield session


def set_titles() -> None:
    """Give sessions without a title one; the time of their last change stays."""
    sessions = find_untitled()
    while batch := list(islice(sessions, BATCH)):
        Session.objects.bulk_update(batch, ["title", "search_text"])
