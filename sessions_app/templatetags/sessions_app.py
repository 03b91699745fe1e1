"""Template tags of sessions."""

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.templatetags.camp import Clock
from camp.web.rendering import jinja
from camp.web.rendering.routes import Route
from sessions_app import unread
from sessions_app.converters import SessionIdConverter
from sessions_app.lists import list_recent
from sessions_app.models import Session, session_name
from sessions_app.reading import AuthorNames, find_answered, stamp
from sessions_app.rendering import mentions
from sessions_app.rendering.markdown import render
from sessions_app.rendering.pictures import show_pictures
from sessions_app.titles import title_from

register = template.Library()

MAX_PEOPLE = 8  # members on the page of a session


@register.simple_tag(takes_context=True)
def recent_sessions(context):
    """Return the reader's unread `announcements` and their `newest` sessions.

    One query; none, and no sessions, for anonymous people.
    """
    user = context["user"]
    announcements, newest = list_recent(user) if user.is_authenticated else ([], [])
    return {"announcements": announcements, "newest": newest}


@register.simple_tag
def session_rows(sessions, counted=True):
    """Return the rows of a list of sessions with the annotation `unread_count`.

    Those of others have `owner_name`. If `counted`, the rows show the annotations `message_count`
    and `file_count`.
    """
    page, to_segment, clock = Route("sessions:detail"), SessionIdConverter().to_url, Clock()
    messages, files = cache(describe_messages), cache(describe_files)
    # Calls and attributes cost a template twice as much as they cost here.
    rows = [
        (
            session_name(session.title),
            page(to_segment(session.session_id)),
            session.unread_count and describe_unread(session.unread_count),
            session.announced_at,
            getattr(session, "owner_name", ""),
            messages(session.message_count) if counted else "",
            files(session.file_count) if counted and session.file_count else "",
            clock.show(session.updated_at),
        )
        for session in sessions
    ]
    return jinja.render("sessions_app/rows.html", rows=rows)


def describe_unread(count):
    """Return a number of unread messages as text."""
    number = count if count <= unread.MOST else f"{unread.MOST}+"
    return ngettext("%(count)s new", "%(count)s new", count) % {"count": number}


def describe_messages(count):
    """Return a number of messages as text."""
    return ngettext("%(count)s message", "%(count)s messages", count) % {"count": count}


def describe_files(count):
    """Return a number of files as text."""
    return ngettext("%(count)s file", "%(count)s files", count) % {"count": count}


@register.simple_tag(takes_context=True)
def people_of(context, session):
    """Return (name, what they may do) of a session's owner and first members as `rows`.

    And whether there are `more`, and the user `names` of others. One query, and one for the name
    of an owner who is not the reader.
    """
    user = context["user"]
    owner = user if session.user_id == user.pk else session.user
    members = session.members.select_related("user").order_by("id")
    members = list(members[: MAX_PEOPLE + 1])
    rows = [(owner, _("Owner"))] if owner else []
    rows += [
        (member, _("May read and write") if member.may_write else _("May read"))
        for member in members[:MAX_PEOPLE]
    ]
    people = {owner, *(member.user for member in members)} - {None, user}
    names = sorted(map(str, people))
    return {"rows": rows, "more": len(members) > MAX_PEOPLE, "names": names}


@register.simple_tag(takes_context=True)
def shared_sessions(context):
    """Return how many own sessions of the reader others are in, and some as (session ID, name).

    Two queries.
    """
    shared = Session.objects.owned_by(context["user"]).shared()
    rows = shared.order_by("-updated_at", "-id").values_list("session_id", "title")[:MAX_PEOPLE]
    shown = [(session_id, session_name(title)) for session_id, title in rows]
    return {"count": shared.count() if shown else 0, "shown": shown}


@register.simple_tag
def message_articles(messages, session=None, reader=None, pictures=None, first_unread=None):
    """Return messages, read by `Message.objects.for_reading`, with their `html`.

    `pictures` are those that may be shown; see `sessions_app/includes/messages.html`. Those of
    `reader` are named "You". With `session`, which has rights, each has links to what the reader
    may do with it; where others see it too, also without scripts. A line stands before the message
    with the ID `first_unread`.
    """
    clock, name_author = Clock(), AuthorNames(reader)
    names = mentions.find_people(session, [one.html for one in messages]) if session else {}
    answered, shown = find_answered(messages), {message.pk for message in messages}

    def quote(pk):
        """Return the name of the author, the beginning and the address of an answered message."""
        message = answered[pk]
        if message.deleted_at:
            return "", _("Deleted message"), ""
        is_here = pk in shown or not session
        url = f"#message-{pk}" if is_here else message_address(session, pk)
        return name_author(message), quoted_text(message), url

    rows = [
        (
            message.pk,
            message.role,
            name_author(message),
            clock.show(message.created_at),
            clock.show(message.edited_at),
            mentions.mark_mentions(show_pictures(message.html, pictures), names, reader),
            message.reply_to_id in answered and quote(message.reply_to_id),
            message.deleted_at is not None,
            session and list_actions(session, message, reader),
            message.old_metadata and old_metadata(message.old_metadata),
            stamp(message.edited_at, *answered_changes(answered.get(message.reply_to_id))),
        )
        for message in messages
    ]
    return jinja.render(
        "sessions_app/messages.html",
        rows=rows,
        page=session and session.get_absolute_url(),
        is_shared=session and session.is_shared,
        first_unread=first_unread,
    )


def answered_changes(message):
    """Return when an answered message, or None, was edited and deleted."""
    return (message.edited_at, message.deleted_at) if message else ()


def message_address(session, pk):
    """Return the permanent link of a message."""
    return reverse("sessions:message", args=[session.session_id, pk])


def list_actions(session, message, reader):
    """Return what the reader may do with a message, as words for row-menu.js; "" for all."""
    if session.may_write and message.is_of(reader):
        return ""
    if session.user_id == reader.pk:
        return "reply delete"
    return "reply" if session.may_write else "read"


def quoted_text(message):
    """Return the beginning of a message as one line."""
    return title_from(message.content) or "…"


@register.inclusion_tag("sessions_app/includes/answered.html")
def answered_message(message, reader):
    """Show the message that the next one answers, and have the form name it."""
    return {
        "message": message,
        "author": AuthorNames(reader)(message),
        "text": quoted_text(message),
        "session": message.session,
    }


def old_metadata(text):
    """Return what the old backend stored with a message, as HTML."""
    return render_to_string("includes/old_metadata.html", {"text": text})


@register.filter
def markdown(text):
    """Return Markdown `text` as HTML that can neither run nor load anything."""
    return render(text)
