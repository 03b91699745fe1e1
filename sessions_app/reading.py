"""The messages of a session as a page shows them."""

from django.utils.translation import gettext as _

from camp.db.keyset import KeysetPage
from sessions_app.markdown import render, render_plain
from sessions_app.models import Message

PAGE_SIZE = 200  # messages
# Characters of Markdown rendered on one page; the worst take 0.4 s for each million.
MARKDOWN_BUDGET = 600_000


def message_page(session, params, messages=None):
    """Return a KeysetPage of a session's messages, and its messages in reading order.

    `params` are those of the address; without any it is the page with the end. `messages` are all
    from which to choose, by default those that are not deleted. Each message has its `html`.
    """
    messages = Message.objects.present() if messages is None else messages
    # Through session.messages Django would set the session of each row.
    messages = messages.filter(session=session).for_reading()
    page = KeysetPage(messages, ["-created_at", "-id"], params, size=PAGE_SIZE)
    return page, render_messages(page.rows)


def find_answered(messages):
    """Return {pk: message} of the messages that some others answer, deleted ones included.

    One query if some of them are not among `messages`, else none.
    """
    known = {message.pk: message for message in messages}
    wanted = {message.reply_to_id for message in messages if message.reply_to_id}
    if missing := wanted - known.keys():
        known |= Message.objects.for_reading().in_bulk(missing)
    return {pk: known[pk] for pk in wanted if pk in known}


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
