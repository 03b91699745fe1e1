"""What pages of other apps show of the files."""

from django import template
from django.conf import settings

from camp.templatetags.camp import icon
from files import quota
from files.models import File

register = template.Library()

RECENT = 5
SHOWN = 50  # files on the page of a session


@register.simple_tag(takes_context=True)
def recent_files(context):
    """Return the reader's newest files, at most five, as a list. One query."""
    return list(File.objects.visible_to(context["user"]).order_by("-created_at", "-id")[:RECENT])


@register.simple_tag(takes_context=True)
def storage_room(context):
    """Return the reader's `files.quota.Room`. Two queries at most: the sum is cached."""
    return quota.room_of(context["user"])


@register.simple_tag
def files_of(session):
    """Return a session's newest files as `rows`, at most 50, and whether there are `more`."""
    newest = session.files.present().order_by("-created_at", "-id")[: SHOWN + 1]
    rows = list(newest)
    return {"rows": rows[:SHOWN], "more": len(rows) > SHOWN}


@register.simple_tag
def file_icon(file):
    """Return the icon for the kind of a file."""
    return icon(file.kind.value)


@register.simple_tag
def max_upload_size():
    """Return how many bytes one uploaded file may have."""
    return settings.MAX_UPLOAD_SIZE
