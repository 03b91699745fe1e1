"""Template tags of sessions."""

from django import template
from django.template.loader import render_to_string
from django.utils.translation import ngettext

from camp.web import jinja
from camp.web.routes import Route
from sessions_app.converters import SessionIdConverter
from sessions_app.markdown import render
from sessions_app.models import Message, Session

register = template.Library()

RECENT = 5


@register.simple_tag(takes_context=True)
def recent_sessions(context):
    """Return the reader's five newest sessions as a list.

    One query; none, and an empty list, for anonymous people.
    """
    user = context["user"]
    if not user.is_authenticated:
        return []
    return list(Session.objects.visible_to(user).order_by("-updated_at", "-id")[:RECENT])


@register.simple_tag
def session_rows(sessions):
    """Return the rows of a list of sessions, which have `message_count` and `file_count`."""
    route, to_segment = Route("sessions:detail"), SessionIdConverter().to_url
    return jinja.render(
        "sessions_app/rows.html",
        sessions=sessions,
        page=lambda session: route(to_segment(session.session_id)),
        count_messages=count_messages,
        count_files=count_files,
    )


def count_messages(count):
    """Return a number of messages as text."""
    return ngettext("%(count)s message", "%(count)s messages", count) % {"count": count}


def count_files(count):
    """Return a number of files as text."""
    return ngettext("%(count)s file", "%(count)s files", count) % {"count": count}


@register.simple_tag
def message_articles(messages, session=None):
    """Return messages with their `html`; with `session` those of the reader can be changed."""
    own = [session.session_id] if session else None
    return jinja.render(
        "sessions_app/messages.html",
        messages=messages,
        roles={role.value: role.label for role in Message.Role},
        edit=own and Route("sessions:message_edit", *own),
        delete=own and Route("sessions:message_delete", *own),
        old_metadata=lambda text: render_to_string("includes/old_metadata.html", {"text": text}),
    )


@register.filter
def markdown(text):
    """Return Markdown `text` as HTML that can neither run nor load anything."""
    return render(text)
