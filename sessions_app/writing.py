"""Writing, changing and deleting messages, with the effects on their session.

Call these functions with the session locked (sessions_app.access.locks_session).
"""

from django.db import transaction
from django.utils import timezone

from sessions_app.models import Message
from sessions_app.titles import title_from


@transaction.atomic
def add_message(*, session, author, content, reply_to=None, submission_id=None):
    """Add a message to a session and return it; the one that is there if it was sent before.

    `reply_to` is the message that it answers.

    Moves the session to the top of the list; sets the title of a session without one. By the lock
    messages get the order of their times for every reader.
    """
    if submission_id:
        sent = Message.objects.filter(session=session, author=author, submission_id=submission_id)
        if (first := sent.first()) and first.content == content:
            return first
        if first:  # a form that the browser showed again
            submission_id = None
    message = Message.objects.create(
        session=session,
        author=author,
        content=content,
        reply_to=reply_to,
        submission_id=submission_id,
    )
    if not session.title:
        session.title = title_from(content)
        session.save(update_fields=["title", "search_text"])
    session.touch()
    return message


@transaction.atomic
def change_message(*, message, content):
    """Change a message's text and mark it as edited."""
    message.content = content
    message.edited_at = timezone.now()
    message.save(update_fields=["content", "search_text", "edited_at"])
    message.session.touch()


@transaction.atomic
def delete_message(*, message, user):
    """Delete a message so that `user` can undo it, until the sweep deletes it for good."""
    message.deleted_at, message.deleted_by = timezone.now(), user
    message.save(update_fields=["deleted_at", "deleted_by"])
    message.session.touch()


@transaction.atomic
def restore_message(*, message):
    """Undo the deletion of a message."""
    message.deleted_at = message.deleted_by = None
    message.save(update_fields=["deleted_at", "deleted_by"])
    message.session.touch()
