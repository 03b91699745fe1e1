"""The messages of a session as a page shows them."""

from django.http import Http404
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language

import camp
from camp.db.keyset import KeysetPage, decode, encode, rows_after
from sessions_app.markdown import render, render_plain
from sessions_app.models import Message

PAGE_SIZE = 200  # messages
# Characters of Markdown rendered on one page; the worst take 0.4 s for each million.
MARKDOWN_BUDGET = 600_000
# Of a page that stays open while messages come
OPEN_PAGE_SIZE = 3 * PAGE_SIZE


def message_page(session, params):
    """Return a KeysetPage of a session's messages, and its messages in reading order.

    `params` are those of the address; without any it is the page with the end. Each message has
    its `html`.
    """
    keys = ["-created_at", "-id"]
    page = KeysetPage(shown_messages(session), keys, params, size=PAGE_SIZE)
    return page, render_messages(page.rows)


def shown_messages(session):
    """Return the messages of a session that its pages show."""
    # Through session.messages Django would set the session of each row; search_text is long.
    return Message.objects.filter(session=session).defer("search_text")


def page_range(page):
    """Return the range of messages of a KeysetPage that is open, for `stamps_between`."""
    if not page.rows:
        return {}
    newest, oldest = page.rows[0], page.rows[-1]
    found = {"from": encode([oldest.created_at, oldest.pk])}
    if page.previous_url:
        found["to"] = encode([newest.created_at, newest.pk])
    return found


def stamps_between(session, params):
    """Return [ID, stamp] of the messages in a `page_range`, and whether that is all of them.

    They are in reading order. A stamp changes with what is shown of a message. Raises Http404
    for an invalid range.
    """
    found = shown_messages(session)
    if "from" in params:
        moment, pk = boundary(params["from"])
        found = found.filter(rows_after(["created_at", "id"], [moment, pk - 1]))
    if "to" in params:
        moment, pk = boundary(params["to"])
        found = found.filter(rows_after(["-created_at", "-id"], [moment, pk + 1]))
    rows = found.order_by("-created_at", "-id").values_list("pk", "edited_at")
    newest = [[pk, stamp(edited_at)] for pk, edited_at in rows[: OPEN_PAGE_SIZE + 1]]
    return newest[:OPEN_PAGE_SIZE][::-1], len(newest) <= OPEN_PAGE_SIZE


def stamp(edited_at):
    """Return a word that changes with a message, "" for one that was never changed."""
    return f"{edited_at.timestamp():.6f}" if edited_at else ""


def boundary(token):
    """Return the time and the ID of a message at the end of a range."""
    moment, pk = decode(token, 2)
    try:
        moment = parse_datetime(moment)
    except (TypeError, ValueError) as error:
        raise Http404 from error
    if moment is None or moment.tzinfo is None or type(pk) is not int:
        raise Http404
    return moment, pk


def page_etag(session, user):
    """Return the ETag of an open page: all that decides what `user` sees of a session.

    `session` needs `may_write`; read it before the messages, or a change between is missed.
    """
    rights = f"{user.pk}{'ow'[session.may_write] if session.user_id != user.pk else 'x'}"
    return f'W/"{session.revision}-{rights}-{get_language()}-{camp.__version__}"'


def render_messages(newest_first):
    """Return messages in reading order, each with its `html`.

    The newest are rendered first; those beyond the page's budget are shown as plain text.
    """
    left = MARKDOWN_BUDGET
    for message in newest_first:
        left -= len(message.content)
        message.html = (render if left >= 0 else render_plain)(message.content)
    return list(reversed(newest_first))
