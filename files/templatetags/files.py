"""What pages of other apps show of the files."""

import contextlib

from django import template
from django.urls import reverse
from django.utils.html import format_html

from camp.templatetags.camp import icon
from files.library import quota
from files.models import File, Upload
from files.serving import thumbnails
from files.storage import backend
from files.uploads import unfinished

register = template.Library()

RECENT = 5
SHOWN = 50  # files on the page of a session


@register.simple_tag(takes_context=True)
def recent_files(context):
    """Return the reader's newest files, at most five, as a list. One query."""
    return list(File.objects.visible_to(context["user"]).order_by("-created_at", "-id")[:RECENT])


@register.simple_tag(takes_context=True)
def storage_room(context):
    """Return the reader's `files.library.quota.Room`. Two queries at most: the sum is cached."""
    return quota.room_of(context["user"])


@register.simple_tag(takes_context=True)
def unfinished_uploads(context):
    """Return the reader's unfinished uploads, as `unfinished.shown` does. One query."""
    return unfinished.shown(context["user"])


@register.simple_tag(takes_context=True)
def unfinished_count(context):
    """Return how many uploads of the reader are unfinished. One query."""
    return Upload.objects.unfinished(context["user"]).count()


@register.simple_tag
def files_of(session):
    """Return a session's newest files as `rows`, at most 50, and whether there are `more`."""
    newest = session.files.present().order_by("-created_at", "-id")[: SHOWN + 1]
    rows = list(newest)
    return {"rows": rows[:SHOWN], "more": len(rows) > SHOWN}


@register.simple_tag
def file_icon(file):
    """Return the icon for the kind of one's own file; over that of a picture lies the picture."""
    plain = icon(file.kind.value)
    if not thumbnails.may_have(file) or thumbnails.is_known_to_lack(file):
        return plain
    return format_html(
        '<span class="thumb">{}<img src="{}" alt="" loading="lazy" decoding="async"></span>',
        plain,
        thumbnail_address(file),
    )


@register.simple_tag
def content_state(file, thorough=False):
    """Return what is wrong with the bytes of a file: "behind", "missing", "damaged", or "".

    "behind" are those that did not come along from the old backend, for want of them or as
    they were damaged there. Unless `thorough`, nothing else is looked for: that costs no list
    anything.
    """
    taken_over = not backend.OPAQUE.fullmatch(file.storage_path)
    if not taken_over and (not thorough or backend.object_store()):
        return ""
    size = backend.size(file.storage_path)
    if size is None:
        return "behind" if taken_over else "missing"
    return "" if size == file.size else "damaged"


@register.simple_tag
def picture_address(file):
    """Return the address of a file's thumbnail, "" if it cannot have one; has it made."""
    with contextlib.suppress(thumbnails.Pending):
        if not thumbnails.get(file):
            return ""
    return thumbnail_address(file)


def thumbnail_address(file):
    """Return the address of a file's thumbnail: another one for another content.

    Browsers keep what they find at one for a day.
    """
    address = reverse("files:thumbnail", args=[file.pk])
    return f"{address}?{file.replaced_at:%Y%m%dT%H%M%S.%f}" if file.replaced_at else address
