"""Writing, changing and deleting messages, with the effects on their session."""

from django.db import transaction
from django.utils import timezone

from camp.web.external_references import atomic_deletion
from sessions_app.models import Message
from sessions_app.titles import title_from


@transaction.atomic
def add_message(*, session, content):
    """Add the user's message to a session and return it.

    Moves the session to the top of the list; sets the title of a session without one.
    """
    message = Message.objects.create(session=session, content=content)
    if session.title:
        session.touch()
    else:
        session.title = title_from(content)
        session.save(update_fields=["title", "search_text", "updated_at"])
    return message


@transaction.atomic
def change_message(*, message, content):
    """Change a message's text and mark it as edited."""
    message.content = content
    message.edited_at = timezone.now()
    message.save(update_fields=["content", "search_text", "edited_at"])
    message.session.touch()


@atomic_deletion()
def delete_message(*, message):
    """Delete a message permanently. Raises StillReferenced."""
    message.delete()
    message.session.touch()
