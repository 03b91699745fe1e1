"""Moving in from the old backend: its tables, its people, and the bytes of its files."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

import hashlib
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.db import DatabaseError, connection, transaction
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from camp.db.errors import error_reason
from camp.db.search_text import normalise
from camp.fs.filenames import clean_filename
from camp.operations.console import Progress
from camp.operations.database import server
from camp.operations.takeover import accounts as people
from camp.operations.takeover import import_files, work
from camp.operations.takeover import plan as plans
from camp.operations.takeover import sessions as conversations
from camp.operations.takeover.collisions import Settlement
from camp.operations.takeover.found import ALEMBIC
from camp.operations.takeover.import_files import DAMAGED, UNREADABLE, OldFile, OtherSize, Source
from camp.operations.takeover.import_report import folder, room, source_lines, write_missing
from camp.operations.takeover.steps import Choices, Part, Step, quoted
from files.content_types import media_type
from files.library import quota
from files.models import File
from files.storage import backend
from sessions_app.models import Message, Session

TABLE = "sample_files"
BATCH = 500


@dataclass
class Options:
    """What a person asked for; `uploads` is the old folder, `missing` where to list its gaps."""

    choices: Choices = field(default_factory=Choices)
    settlement: Settlement = field(default_factory=Settlement)
    uploads: str = ""
    link: bool = False
    missing: str = ""
    any_size: bool = False


def examined(options):
    """Return the Plan of a takeover; touches nothing."""
    return plans.made(options.choices, contributors(options))


def carried_out(options, stream):
    """Take the configured database over, and the bytes with it; returns the Plan.

    First the bytes come in: if the rest fails, no row names them, and the next try finds
    them again.
    """
    journal = import_files.Journal(journal_file())
    if options.uploads:
        plan = examined(options)
        if not plan.all_problems:
            rows = list(old_files(plan.matches))
            fetch(rows, options, journal, stream)
    plan = work.take_over(options.choices, contributors(options, journal), check=try_out)
    journal.remove()
    return plan


def contributors(options, journal=None):
    """Return what takes part beside the tables: see camp.operations.takeover.plan.made."""
    return [
        partial(people.part, settlement=options.settlement),
        conversations.part,
        partial(files_part, options=options, journal=journal),
    ]


def journal_file():
    """Return where the bytes are noted that were brought in for the configured database."""
    place = "\n".join(map(str, vars(server.place()).values())) + str(
        connection.settings_dict["NAME"]
    )
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return settings.CAMP_DATA_DIR / f"takeover-{name}.jsonl"


def old_files(matches):
    """Yield the OldFiles of an old table, as its columns still are called."""
    match = matches.get(TABLE)
    if match is None or not match.names.get("storage_path"):
        return
    names = [match.names.get(name) for name in ("id", "storage_path", "size", "filename")]
    yield from files_of(match.found.name, *names)


def files_of(table, key, *names):
    """Yield an OldFile for each row; the names are those of key, path, size and file name."""
    chosen = ", ".join(quoted(name) if name else "NULL" for name in (key, *names))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {chosen} FROM {quoted(table)} ORDER BY {quoted(key)}")
        while rows := cursor.fetchmany(2000):
            for row_key, path, length, name in rows:
                length = int(length) if str(length).isdigit() else None
                yield OldFile(str(row_key), str(path or ""), length, str(name or ""))


def files_part(matches, options, journal):
    """Return what the takeover of the files finds and does, as a Part."""
    found = Part(_("Files"))
    match = matches.get(TABLE)
    if match is None:
        return found
    if options.uploads and journal is None:
        rows = list(old_files(matches))
        sources = folder(options).sources(rows)
        found.lines += source_lines(rows, sources)
        found.problems += room(sources, options)
        if options.missing:
            write_missing(options.missing, rows, sources)
    elif not options.uploads and match.found.rows:
        found.lines.append(
            _("Their bytes stay where they are. Bring them in, now or later: --uploads FOLDER")
        )
    key = match.aside.get(match.names["id"], "id")
    text = _("Files get names and types as Camp keeps them, and the place of their bytes.")
    found.after = [Step(text, run=partial(complete, key, journal))]
    return found


def fetch(rows, options, journal, stream):
    """Bring the bytes of rows in; raises CommandError where the disk does not take them."""
    sources = folder(options).sources(rows)
    journal.forget_other_sizes(rows, sources)
    total = sum(source.size for source in sources.values())
    try:
        with Progress(stream, total, _("Files")) as progress:
            failed = import_files.bring(
                rows, sources, journal, link=options.link, progress=progress
            )
    except OSError as error:
        sentence = _("The files could not be brought in (%(why)s). The database is as it was.")
        raise CommandError(sentence % {"why": error.strerror or error}) from None
    for key, error in failed.items():
        state = DAMAGED if isinstance(error, OtherSize) else UNREADABLE
        sources[key] = Source(state, found=getattr(error, "found", None))
        stream.write(
            _("File %(key)s cannot be read (%(why)s).")
            % {
                "key": key,
                "why": error.strerror or error,
            }
            + "\n"
        )
    if options.missing:
        write_missing(options.missing, rows, sources)


def complete(key, journal):
    """Give all rows names, types and search texts as Camp keeps them, and their new bytes.

    `key` is the column of the key by which the journal knows a row.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {quoted(key)} FROM {quoted(TABLE)}")
        keys = {number: str(old) for number, old in cursor.fetchall()}
    batch = []
    for file in File.objects.order_by("pk").iterator(chunk_size=2000):
        row = OldFile(keys[file.pk], file.storage_path, file.size)
        if completed(file, journal.of(row) if journal else None):
            batch.append(file)
        if len(batch) >= BATCH:
            save(batch)
            batch = []
    save(batch)


CHANGED = ["filename", "search_text", "content_type", "storage_path", "size", "sha256"]


def completed(file, kept):
    """Bring a File into Camp's form; returns whether that changed it."""
    before = [getattr(file, name) for name in CHANGED]
    file.filename = clean_filename(file.filename or file.storage_path)
    file.search_text = normalise(file.filename)[:255]
    file.content_type = media_type(file.content_type, file.filename)
    if kept:
        file.storage_path, file.size, file.sha256 = kept.path, kept.size, kept.sha256
    return before != [getattr(file, name) for name in CHANGED]


def save(batch):
    """Write the changes of a batch of Files."""
    File.objects.bulk_update(batch, CHANGED)


def mends(options):
    """Return the Steps for what an earlier version of Camp did not do well when it took over."""
    if ALEMBIC not in connection.introspection.table_names():
        return []
    return [*people.mends(options.choices.zone), *conversations.mends()]


def left():
    """Return the OldFiles of Camp's own rows whose bytes still are in the old backend's place."""
    values = File.objects.order_by("pk").values_list("pk", "storage_path", "size", "filename")
    return [
        OldFile(str(key), *others)
        for key, *others in values.iterator(chunk_size=2000)
        if not backend.OPAQUE.fullmatch(others[0])
    ]


def left_lines(options):
    """Return lines on the bytes that `later` would bring in."""
    rows = left()
    sources = folder(options).sources(rows)
    if options.missing:
        write_missing(options.missing, rows, sources)
    return list(source_lines(rows, sources))


def later(options, stream):
    """Bring in the bytes of a database that is Camp's already; returns how many files got theirs.

    Each row changes only if it still names the old place.
    """
    journal = import_files.Journal(journal_file())
    rows = left()
    fetch(rows, options, journal, stream)
    done = sum(settle(row, kept) for row in rows if (kept := journal.of(row)))
    journal.remove()
    return done


def settle(row, kept):
    """Point a row to its new bytes; returns 1, or 0 where it changed meanwhile."""
    files = File.objects.filter(pk=row.key, storage_path=row.path)
    new = files.update(storage_path=kept.path, size=kept.size, sha256=kept.sha256)
    if new:
        quota.forget_usage(File.objects.values_list("user_id", flat=True).get(pk=row.key))
    return new


def try_out():
    """Raise CommandError unless the tables take what Camp writes; leaves nothing behind."""
    name = f"camp-{get_random_string(12)}"
    try:
        with transaction.atomic():
            user = get_user_model().objects.create_user(name, f"{name}@example.org")
            session = Session.objects.create(user=user)
            Session.objects.create()
            for role in Message.Role:
                Message.objects.create(session=session, role=role, content="x")
            File.objects.create(user=user, filename="x", size=0, storage_path="x")
            transaction.set_rollback(True)
    except DatabaseError as error:
        sentence = _("The old tables do not take what Camp writes (%(why)s). Nothing was changed.")
        raise CommandError(sentence % {"why": error_reason(error)}) from None
