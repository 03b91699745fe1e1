"""The messages of a session as a page shows them."""

from functools import partial

from django.http import Http404
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

import camp
from camp.db.compiled_query import compile_query
from camp.db.keyset import KeysetPage, decode, encode, rows_after
from sessions_app.models import Message
from sessions_app.rendering.markdown import render, render_plain

PAGE_SIZE = 200  # messages
# Characters of Markdown rendered on one page; the worst take 0.4 s for each million.
MARKDOWN_BUDGET = 600_000
# Of a page that stays open while messages come
OPEN_PAGE_SIZE = 3 * PAGE_SIZE


def message_page(session, params, messages=None):
    """Return a KeysetPage of a session's messages, and its messages in reading order.

    `params` are those of the address; without any it is the page with the end. `messages` are all
    from which to choose, by default those that are not deleted. Each message has its `html`.
    """
    found = partial(read_messages, session) if messages is None else messages.for_reading()
    page = KeysetPage(found, ["-created_at", "-id"], params, size=PAGE_SIZE)
    return page, render_messages(page.rows)


@compile_query
def read_messages(session, *, after, order, count):
    """Return the first messages of a session after a Q."""
    messages = shown_messages(session).for_reading().filter(after)
    return messages.order_by(*order)[:count]


def find_answered(messages):
    """Return {pk: message} of the messages that some others answer, deleted ones included.

    One query if some of them are not among `messages`, else none.
    """
    known = {message.pk: message for message in messages}
    wanted = {message.reply_to_id for message in messages if message.reply_to_id}
    if missing := wanted - known.keys():
        known |= Message.objects.for_reading().in_bulk(missing)
    return {pk: known[pk] for pk in wanted if pk in known}


def shown_messages(session):
    """Return the messages of a session that its pages show."""
    # Through session.messages Django would set the session of each row.
    return Message.objects.present().filter(session=session)


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
    """Return [ID, stamp] of the messages in a `page_range`, if those are all, and the last time.

    They are in reading order. A stamp changes with what is shown of a message. The time is None
    if there are none. Raises Http404 for an invalid range.
    """
    found = shown_messages(session)
    if "from" in params:
        moment, pk = boundary(params["from"])
        found = found.filter(rows_after(["created_at", "id"], [moment, pk - 1]))
    if "to" in params:
        moment, pk = boundary(params["to"])
        found = found.filter(rows_after(["-created_at", "-id"], [moment, pk + 1]))
    answered = ("reply_to__edited_at", "reply_to__deleted_at")
    rows = found.order_by("-created_at", "-id")
    rows = rows.values_list("created_at", "pk", "edited_at", *answered)
    newest_first = list(rows[: OPEN_PAGE_SIZE + 1])
    stamps = [[pk, stamp(*changes)] for _at, pk, *changes in newest_first[:OPEN_PAGE_SIZE]]
    last_time = newest_first[0][0] if newest_first else None
    return stamps[::-1], len(newest_first) <= OPEN_PAGE_SIZE, last_time


def stamp(*changes):
    """Return a word that changes with what is shown of a message; "" if it never changed.

    `changes` are the times, or None, at which it was edited, and the one that it answers edited
    and deleted.
    """
    return "-".join(f"{moment.timestamp():.6f}" if moment else "" for moment in changes).strip("-")


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


class AuthorNames:
    """Names the authors of messages for one page, in the active language; `reader` is "You"."""

    def __init__(self, reader=None):
        self.reader = reader
        # Translated once. The word for the role of a person is "You".
        self.roles = {role: str(word) for role, word in Message.Role.choices}
        self.former = _("A former member")

    def __call__(self, message):
        """Return who wrote a message, read by `Message.objects.for_reading`."""
        if message.role != Message.Role.USER or message.is_of(self.reader):
            return self.roles.get(message.role, message.role)
        return message.author_name if message.author_id else self.former
