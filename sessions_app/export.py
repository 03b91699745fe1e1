"""Exports of a session as text; `docs/session-export.md` describes both formats."""

import json
from datetime import UTC

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from sessions_app.models import Message
from sessions_app.reading import AuthorNames
from sessions_app.titles import title_from

VERSION = 2
CHUNK = 500  # rows held in memory


def markdown(session, reader, zone):
    """Return an iterator over a session as Markdown, with times in `zone`.

    What `reader` wrote is by "You" as long as nobody else writes in the session. Translations are
    evaluated here: while the response streams, the reader's language is no longer active.
    """
    others = session.messages.present().filter(role=Message.Role.USER).exclude(author=reader)
    name_author = AuthorNames(None if others.exists() else reader)
    words = {
        "answers": _("answers %(author)s: %(text)s"),
        "deleted": _("answers a deleted message"),
        "started": _("Started: %(time)s"),
        "changed": _("Last change: %(time)s"),
        "edited": _("edited %(time)s"),
        "files": _("Files"),
        "bytes": _("%(size)s bytes"),
    }
    return markdown_pieces(session, str(session), zone, name_author, words)


def markdown_pieces(session, title, zone, name_author, words):
    """Yield the pieces of `markdown`."""
    yield f"# {collapse_spaces(title)}\n\n"
    yield f"- {words['started'] % {'time': format_local(session.created_at, zone)}}\n"
    yield f"- {words['changed'] % {'time': format_local(session.updated_at, zone)}}\n"
    for message in iterate_messages(session):
        parts = [collapse_spaces(name_author(message)), format_local(message.created_at, zone)]
        if message.edited_at:
            parts.append(words["edited"] % {"time": format_local(message.edited_at, zone)})
        yield f"\n## {' · '.join(parts)}\n\n"
        if message.reply_to_id:
            yield f"> {describe_answered(message.reply_to, name_author, words)}\n\n"
        yield f"{message.content}\n"
    for number, file in enumerate(iterate_files(session)):
        if not number:
            yield f"\n## {words['files']}\n\n"
        size = words["bytes"] % {"size": f"{file.size:,}"}
        yield f"- {collapse_spaces(file.path)} ({size}, {file.content_type})\n"


def describe_answered(message, name_author, words):
    """Return what a message answers as one line."""
    if message.deleted_at:
        return words["deleted"]
    values = {"author": name_author(message), "text": title_from(message.content)}
    return collapse_spaces(words["answers"] % values)


def json_text(session):
    """Yield a session as JSON: one indented object, times in UTC."""
    head = {
        "format": "camp-session",
        "version": VERSION,
        "session_id": session.session_id,
        "title": session.title,
        "created_at": format_utc(session.created_at),
        "updated_at": format_utc(session.updated_at),
    }
    yield "{\n"
    for name, value in head.items():
        yield f"  {dump_json(name)}: {dump_json(value)},\n"
    yield from json_list("messages", map(message_data, iterate_messages(session)))
    yield ",\n"
    yield from json_list("files", map(file_data, iterate_files(session)))
    yield "\n}\n"


def json_list(name, rows):
    """Yield an object member: a list with one row per line."""
    yield f"  {dump_json(name)}: ["
    separator = "\n"
    for row in rows:
        yield f"{separator}    {dump_json(row)}"
        separator = ",\n"
    yield "]" if separator == "\n" else "\n  ]"


def message_data(message):
    """Return a message as a dict."""
    is_of_person = message.role == Message.Role.USER
    is_answer = message.reply_to_id and not message.reply_to.deleted_at
    return {
        "id": message.pk,
        "role": message.role,
        "author": message.author_name if is_of_person else None,
        "reply_to": message.reply_to_id if is_answer else None,
        "content": message.content,
        "created_at": format_utc(message.created_at),
        "edited_at": format_utc(message.edited_at),
    }


def file_data(file):
    """Return a file's metadata as a dict."""
    return {
        "filename": file.filename,
        "folder": file.folder or "",
        "size": file.size,
        "content_type": file.content_type,
        "sha256": file.sha256,
        "created_at": format_utc(file.created_at),
    }


def iterate_messages(session):
    """Return an iterator over a session's messages, oldest first."""
    messages = session.messages.present().for_reading().order_by("created_at", "id")
    answered = Message.objects.for_reading()
    messages = messages.prefetch_related(Prefetch("reply_to", answered))
    return messages.iterator(chunk_size=CHUNK)


def iterate_files(session):
    """Return an iterator over a session's files, newest first: a folder has its own order."""
    return session.files.present().order_by("-created_at", "-id").iterator(chunk_size=CHUNK)


def format_utc(moment):
    """Return a time in ISO 8601, in UTC: `2026-11-23T05:36:00.123456Z`; None for None."""
    return moment and moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_local(moment, zone):
    """Return a time in a form for readers of any language: `2026-11-23 14:36 +09:00`."""
    text = moment.astimezone(zone).isoformat(sep=" ", timespec="minutes")
    return f"{text[:16]} {text[16:]}"


def collapse_spaces(text):
    """Return `text` with line breaks and runs of spaces collapsed."""
    return " ".join(text.split())


def dump_json(value):
    """Return a value as JSON without ASCII escapes."""
    return json.dumps(value, ensure_ascii=False)
