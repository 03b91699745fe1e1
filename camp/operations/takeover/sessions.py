"""Conversations of the old backend: the order of their messages, and their titles."""

# ruff: noqa: S608  (the parts of the SQL come from camp.operations.takeover)

from itertools import islice

from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce, Left
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.db.search_text import normalise
from camp.operations.takeover import catalogue, ordering
from camp.operations.takeover.ordering import MESSAGES
from camp.operations.takeover.steps import Part, Step, count, quoted
from sessions_app.models import Message, Session
from sessions_app.titles import LOOKED_AT, title_of

SESSIONS = "sample_sessions"
BATCH = 500


def part(matches):
    """Return what the takeover of the conversations finds and does, as a Part."""
    found = Part(_("Conversations"))
    if MESSAGES in matches:
        found.lines += tie_lines(matches[MESSAGES])
    if SESSIONS in matches:
        text = _("Sessions without a title get one from their metadata or their first message.")
        found.after = [Step(text, run=give_titles)]
    return found


def tie_lines(match):
    """Yield what there is to tell of messages that have the same time."""
    if not {"session_id", "created_at"} <= match.names.keys():
        return
    names = [match.names[name] for name in ("session_id", "created_at")]
    messages, groups = ordering.ties(match.found.name, *names)
    if not messages:
        yield _("no two messages of a session have the same time")
        return
    text = ngettext(
        "%(count)s message has the time of another of its session (%(groups)s times)",
        "%(count)s messages have the time of another of their session (%(groups)s times)",
        messages,
    )
    told = text % {"count": f"{messages:,}", "groups": f"{groups:,}"}
    if column := ordering.counter(match):
        why = _("the column %(column)s tells their order") % {"column": column.name}
    else:
        why = _("the question comes before its answer")
    yield f"{told}: {why}"


def untitled():
    """Yield the sessions of the old backend that have no title, with the one that they get."""
    messages = Message.objects.filter(session=OuterRef("pk")).order_by("created_at", "id")
    messages = messages.values(beginning=Left("content", LOOKED_AT))
    asked = Subquery(messages.filter(role=Message.Role.USER)[:1])
    sessions = Session.objects.filter(title="")
    sessions = sessions.annotate(first=Coalesce(asked, Subquery(messages[:1])))
    for session in sessions.order_by("pk").iterator(chunk_size=BATCH):
        session.title = title_of(session.first, session.old_metadata)
        session.search_text = normalise(session.title)[:255]
        if session.title:
            yield session


def give_titles():
    """Give sessions without a title one; when they last changed stays as it is."""
    sessions = untitled()
    while batch := list(islice(sessions, BATCH)):
        Session.objects.bulk_update(batch, ["title", "search_text"])


def mends():
    """Yield the Steps that an earlier takeover left to do."""
    if number := sum(1 for _session in untitled()):
        text = ngettext(
            "%(count)s session without a title gets one from its metadata or its first message.",
            "%(count)s sessions without a title get one from their metadata or first message.",
            number,
        )
        yield Step(text % {"count": f"{number:,}"}, run=give_titles)
    if number := misplaced():
        text = ngettext(
            "%(count)s message of the old backend stands before its question, or after its "
            "answer: it gets its place.",
            "%(count)s messages of the old backend stand before their question, or after their "
            "answer: they get their places.",
            number,
        )
        yield Step(text % {"count": f"{number:,}"}, run=put_in_order)


def misplaced():
    """Return how many messages an earlier version of Camp put before their question.

    It numbered those of the same time by their old random keys, which still are there.
    """
    match = catalogue.found({MESSAGES: MESSAGES}).tables.get(MESSAGES)
    if match is None or "old_id" not in match.columns:
        return 0
    return count(f"SELECT COUNT(*) FROM ({ordering.misplaced()}) AS misplaced")


@transaction.atomic
def put_in_order():
    """Exchange the ids of messages that stand before their question; returns how many."""
    table = quoted(MESSAGES)
    with connection.cursor() as cursor:
        cursor.execute(ordering.misplaced())
        moves = cursor.fetchall()
        # First out of each other's way.
        move = f"UPDATE {table} SET id = %s WHERE id = %s"
        cursor.executemany(move, [(-new, old) for old, new in moves])
        cursor.execute(f"UPDATE {table} SET id = -id WHERE id < 0")
    return len(moves)
