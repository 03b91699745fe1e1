"""Template tags that show files, also on pages of other apps."""

import contextlib
from urllib.parse import quote

from django import template
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime

from camp.db.compiled_query import compile_query
from camp.templatetags.camp import Clock, icon, readable_bytes
from camp.web.rendering import jinja
from camp.web.rendering.routes import Route
from files.library import quota, shares
from files.models import File, FileRow
from files.serving import thumbnails
from files.storage import backend
from files.uploads import unfinished
from sessions_app.converters import SessionIdConverter
from sessions_app.models import Session, session_name
from sessions_app.rendering.pictures import find_pictures

register = template.Library()

RECENT = 5
MAX_SHOWN = 50  # files on the page of a session


@register.simple_tag(takes_context=True)
def recent_files(context):
    """Return the user's newest files, at most five, as FileRows. One query."""
    return [FileRow(*row) for row in read_recent_files(context["user"])]


@compile_query
def read_recent_files(user):
    """Return some fields of the user's newest files."""
    newest = File.objects.owned_by(user).order_by("-created_at", "-id")[:RECENT]
    return newest.values_list("id", "filename", "folder", "content_type", "size", "created_at")


@register.simple_tag(takes_context=True)
def storage_room(context):
    """Return the user's Room. One query."""
    return quota.room_of(context["user"])


@register.simple_tag(takes_context=True)
def unfinished_uploads(context):
    """Return the user's unfinished uploads as a list. One query."""
    return unfinished.list_unfinished(context["user"])


@register.simple_tag(takes_context=True)
def unfinished_count(context):
    """Return the number of the user's unfinished uploads. One query."""
    return unfinished.count_unfinished(context["user"])


@register.simple_tag(takes_context=True)
def session_files(context, session):
    """Return a session's newest files, at most 50, as HTML; see `file_rows`. One query."""
    files, query = files_of(session), f"?session={quote(session.session_id, safe='')}"
    return jinja.render(
        "files/session_files.html",
        rows=files["rows"] and file_rows(context, files["rows"], in_session=True, place=query),
        more=files["more"],
        query=query,
        session=session,
        in_session=True,
        next=session.get_absolute_url(),
        user=context["user"],
        csrf_token=context["csrf_token"],
    )


@register.simple_tag
def files_of(session):
    """Return a session's newest files as `rows`, at most 50, and whether there are `more`."""
    rows = [FileRow(*row) for row in read_files_of(session)]
    return {"rows": rows[:MAX_SHOWN], "more": len(rows) > MAX_SHOWN}


@compile_query
def read_files_of(session):
    """Return a session's newest files, and one more than are shown."""
    newest = File.objects.present().filter(session=session).order_by("-created_at", "-id")
    return newest.for_list()[: MAX_SHOWN + 1]


@register.filter
def shown_name(file):
    """Return the name of a File, FileRow or Upload for display, after its folder if it has one."""
    if not file.folder:
        return file.filename
    return format_html('<span class="folder">{}/</span>{}', file.folder, file.filename)


@register.simple_tag(takes_context=True)
def file_rows(context, files, selectable=False, in_session=False, place=""):
    """Return the rows of FileRows; `selectable` adds checkboxes, `in_session` hides the session.

    `place` is the query string of the list, which the page of a picture needs for the next one.
    One query if some are others', and one if some are in sessions of others. In the library, where
    rows are `selectable`, one more for the mark of files that links lead to.
    """
    reader = context["user"]
    linked = shares.find_linked(files, reader) if selectable else ()
    owners = names_of_owners(files, reader)
    hidden = () if in_session else hidden_sessions(files, reader)
    place = escape(place)
    page, download = Route("files:detail"), Route("files:download")
    thumbnail, clock = Route("files:thumbnail"), Clock()
    return jinja.render(
        "files/rows.html",
        # Calls and attributes cost a template twice as much as they cost here.
        rows=[
            (
                file.id,
                shown_name(file),
                page(file.id) + place,
                download(file.id),
                file_icon(file, thumbnail),
                readable_bytes(file.size, clock.language),
                content_state(file),
                clock.show(file.created_at),
                None if in_session else shown_session(file, hidden),
                file.user_id != reader.pk and owners.get(file.user_id, "—"),
                file.id in linked,
            )
            for file in files
        ],
        selectable=selectable,
    )


@register.simple_tag(takes_context=True)
def attach_rows(context, files):
    """Return rows to choose files from, for FileRows. One query if some are in others' sessions."""
    hidden = hidden_sessions(files, context["user"])
    thumbnail, clock = Route("files:thumbnail"), Clock()
    rows = [
        (
            file.id,
            shown_name(file),
            file_icon(file, thumbnail),
            readable_bytes(file.size, clock.language),
            clock.show(file.created_at),
            shown_session(file, hidden),
        )
        for file in files
    ]
    return jinja.render("files/attach_rows.html", rows=rows)


def shown_session(file, hidden):
    """Return the name of a FileRow's session, None if it is in the trash or one of the `hidden`."""
    if file.session_id is None or file.session_id in hidden or file.session__deleted_at:
        return None
    return session_name(file.session__title)


def hidden_sessions(files, reader):
    """Return the IDs of those sessions of FileRows that the reader does not see.

    Files stay in a session when their owner has left it.
    """
    foreign = {
        file.session_id for file in files if file.session_id and file.session__user_id != reader.pk
    }
    if not foreign:
        return foreign
    seen = Session.objects.visible_to(reader).filter(pk__in=foreign)
    return foreign - set(seen.values_list("pk", flat=True))


def names_of_owners(files, reader):
    """Return {ID: user name} of the owners of FileRows other than the reader."""
    others = {file.user_id for file in files} - {reader.pk, None}
    if not others:
        return {}
    users = get_user_model().objects.filter(pk__in=others)
    return dict(users.values_list("pk", "username"))


@register.simple_tag
def trash_rows(things, tab):
    """Return the rows of a tab of the trash: of files or of sessions, with their `gone_at`."""
    is_files, clock = tab == "files", Clock()
    restore, to_segment = Route(f"{tab}:restore"), SessionIdConverter().to_url
    return jinja.render(
        "files/trash_rows.html",
        rows=[
            (
                thing.pk,
                shown_name(thing) if is_files else thing,
                restore(thing.pk if is_files else to_segment(thing.session_id)),
                icon(thing.kind.value if is_files else "session"),
                readable_bytes(thing.size, clock.language) if is_files else "",
                clock.show(thing.deleted_at),
                date_format(localtime(thing.gone_at), "MONTH_DAY_FORMAT"),
            )
            for thing in things
        ],
        selectable=is_files,
        purge=f"{reverse('files:purge')}?of={tab}&id=",
    )


@register.simple_tag
def file_icon(file, thumbnail=None):
    """Return the icon for a file's kind; for an image with its thumbnail on top.

    `thumbnail` is the Route of thumbnails, for a caller with many files.
    """
    plain = icon(file.kind.value)
    if not thumbnails.may_have(file) or thumbnails.has_none(file):
        return plain
    address = thumbnail_address(file, thumbnail)
    # No part needs escaping.
    return mark_safe(
        f'<span class="thumb">{plain}<img src="{address}" alt="" loading="lazy"></span>'
    )


@register.simple_tag
def shared_file_icon(file, token):
    """Return the same for a page that shows the files of a link."""
    return file_icon(file, lambda pk: reverse("share_thumbnail", args=[token, pk]))


@register.simple_tag
def content_state(file, thorough=False):
    """Return what is wrong with the bytes of a file: "behind", "missing", "damaged", or "".

    "behind" means that they were not taken over from the old backend, because they were missing or
    damaged there. The others are only checked for if `thorough`: lists do without the cost.
    """
    is_from_takeover = not backend.OPAQUE.fullmatch(file.storage_path)
    if not is_from_takeover and (not thorough or backend.object_store()):
        return ""
    size = backend.size(file.storage_path)
    if size is None:
        return "behind" if is_from_takeover else "missing"
    return "" if size == file.size else "damaged"


@register.simple_tag
def picture_of(file):
    """Return the `address`, `width` and `height` of a file's thumbnail, None if it has none.

    Starts making it; until it is made, its size is None.
    """
    width = height = None
    with contextlib.suppress(thumbnails.Pending):
        path = thumbnails.get(file)
        if not path:
            return None
        width, height = thumbnails.dimensions(path)
    return {"address": thumbnail_address(file), "width": width, "height": height}


@register.simple_tag(takes_context=True)
def session_pictures(context, session, messages):
    """Return the pictures in messages that are files of their session; see `show_pictures`.

    One query if there are any addresses of files in the place of pictures, else none.
    """
    htmls = [message.html for message in messages]
    found = find_pictures(htmls, context["request"].get_host())
    if not found:
        return {}
    files = session.files.present().in_bulk(set(found.values()))
    page = Route("files:detail")
    shown = {
        pk: (page(pk), thumbnail_address(file), *thumbnail_size(file))
        for pk, file in files.items()
        if thumbnails.may_have(file) and not thumbnails.has_none(file)
    }
    return {address: shown[pk] for address, pk in found.items() if pk in shown}


def thumbnail_size(file):
    """Return the width and height of a file's thumbnail, None twice if it is not made yet."""
    with contextlib.suppress(OSError):
        return thumbnails.dimensions(thumbnails.path_of(file.storage_path))
    return None, None


def thumbnail_address(file, thumbnail=None):
    """Return the address of a file's thumbnail; each content has its own.

    Browsers cache a thumbnail for a day.
    """
    address = (thumbnail or Route("files:thumbnail"))(file.id)
    return f"{address}?{file.replaced_at:%Y%m%dT%H%M%S.%f}" if file.replaced_at else address
