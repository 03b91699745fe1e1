"""Files of the old backend: what the report says of them, and how their rows get their bytes."""

# ruff: noqa: S608  (names come from the catalogue, and are quoted)

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from django.conf import settings
from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.db.search_text import normalize_for_search
from camp.fs.filenames import clean_filename
from camp.operations.console import Progress, format_size
from camp.operations.database import server
from camp.operations.takeover.catalogue import quote
from camp.operations.takeover.import_files import (
    DAMAGED,
    FOUND,
    MISSING,
    OUTSIDE,
    UNREADABLE,
    UNSURE,
    ImportedFile,
    Journal,
    OldFile,
    OldFolder,
    SizeChanged,
    Source,
    import_bytes,
)
from camp.operations.takeover.shapes import TableMap
from camp.storage.object_store import object_store
from files.content_types import media_type
from files.library import quota
from files.models import File
from files.storage import backend

SHOWN = 20
BATCH = 500  # rows written at once
CHANGED = ("filename", "search_text", "content_type", "storage_path", "size", "sha256")


@dataclass(frozen=True)
class FileOptions:
    """What the command line asks for the bytes.

    `uploads` is the old folder, `missing` a file for the list of what is missing there.
    """

    uploads: str = ""
    link: bool = False
    missing: str = ""
    any_size: bool = False


def open_folder(options: FileOptions) -> OldFolder:
    """Return the OldFolder of the options; raises CommandError where there is none."""
    try:
        return OldFolder(options.uploads, any_size=options.any_size)
    except OSError as error:
        values = {"folder": options.uploads, "why": error.strerror or _("it is no folder")}
        raise CommandError(_("The folder %(folder)s cannot be read (%(why)s).") % values) from None


def open_journal() -> Journal:
    """Return the Journal of the configured database."""
    place = "\n".join(map(str, vars(server.locate_database()).values()))
    place += str(connection.settings_dict["NAME"])
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return Journal(settings.CAMP_DATA_DIR / f"takeover-{name}.jsonl")


def read_old_files(mapping: TableMap) -> list[OldFile]:
    """Return the OldFiles of a TableMap that have a path."""
    if "storage_path" not in mapping.columns:
        return []
    sources = [mapping.columns.get(name) for name in ("id", "storage_path", "size", "filename")]
    names = ", ".join(f"{quote(name)}::text" if name else "NULL" for name in sources)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {names} FROM {quote(mapping.old.name)} ORDER BY {quote(mapping.key)}"
        )
        return [
            OldFile(key, path or "", int(length) if str(length).isdigit() else None, name or "")
            for key, path, length, name in cursor.fetchall()
        ]


def review_files(mapping: TableMap, options: FileOptions) -> tuple[list[str], list[str]]:
    """Return what the report says of the files of a TableMap: (lines, problems)."""
    if options.uploads:
        rows = read_old_files(mapping)
        return describe_import(rows, options)
    if mapping.old.rows:
        return [
            _("Their bytes stay where they are. To import them, now or later: --uploads FOLDER")
        ], []
    return [], []


def describe_import(rows: list[OldFile], options: FileOptions) -> tuple[list[str], list[str]]:
    """Return (lines, problems) about importing the bytes of rows."""
    sources = open_folder(options).locate(rows)
    if options.missing:
        write_missing(options.missing, rows, sources)
    return list(describe_sources(rows, sources)), list(check_room(sources, options))


def check_room(sources: dict[str, Source], options: FileOptions) -> Iterator[str]:
    """Yield a sentence if the storage folder has no room for all bytes."""
    if object_store() or options.link:
        return
    needed, free = sum(source.size for source in sources.values()), backend.free_bytes()
    if needed > free:
        text = _("The files need %(needed)s, and %(folder)s has %(free)s left.")
        values = {"needed": format_size(needed), "free": format_size(free)}
        yield text % (values | {"folder": settings.LOCAL_STORAGE_PATH})


def describe_sources(rows: list[OldFile], sources: dict[str, Source]) -> Iterator[str]:
    """Yield lines about what was found in the old folder."""
    counts = Counter(source.state for source in sources.values())
    length = format_size(sum(source.size for source in sources.values()))
    yield _("%(count)s found, %(size)s") % {"count": f"{counts[FOUND]:,}", "size": length}
    for state, text in (
        (MISSING, _("%(count)s missing")),
        (DAMAGED, _("%(count)s damaged: another size than in the row (--any-size accepts them)")),
        (UNREADABLE, _("%(count)s cannot be read")),
        (OUTSIDE, _("%(count)s outside the folder, and left alone")),
        (UNSURE, _("%(count)s unsure: only the end of the path exists, and others have it too")),
    ):
        yield from list_rows(
            text, [row for row in rows if sources[row.key].state == state], sources
        )
    if other := [row for row in rows if has_other_size(row, sources[row.key])]:
        yield from list_rows(_("%(count)s with another size than in the row"), other, sources)


def has_other_size(row: OldFile, source: Source) -> bool:
    """Return whether bytes are imported that have another size than the row says."""
    return source.path is not None and row.size is not None and source.size != row.size


def list_rows(text: str, rows: list[OldFile], sources: dict[str, Source]) -> Iterator[str]:
    """Yield a line that counts rows, and one for each of the first."""
    if rows:
        yield text % {"count": f"{len(rows):,}"}
        for row in rows[:SHOWN]:
            yield f"  {row.key}: {row.path}{describe_size(row, sources[row.key].found)}"
        if len(rows) > SHOWN:
            yield "  …"


def describe_size(row: OldFile, found: int | None) -> str:
    """Return how many bytes there are and should be; "" if that is the same or unknown."""
    if row.size is None or found in (None, row.size):
        return ""
    return " " + _("(%(found)s of %(size)s bytes)") % {
        "found": f"{found:,}",
        "size": f"{row.size:,}",
    }


def write_missing(file: str, rows: Iterable[OldFile], sources: dict[str, Source]) -> None:
    """Write a CSV file of the rows whose bytes are not imported, with the reason."""
    try:
        with open(file, "w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["id", "filename", "size", "storage_path", "state", "found"])
            for row in rows:
                source = sources[row.key]
                if source.path is None:
                    values = [row.key, row.filename, row.size, row.path]
                    writer.writerow([*values, source.state, source.found])
    except OSError as error:
        sentence = _("%(file)s cannot be written (%(why)s).")
        raise CommandError(sentence % {"file": file, "why": error.strerror}) from None


def fetch_files(
    rows: list[OldFile], options: FileOptions, journal: Journal, stream: TextIO
) -> None:
    """Import the bytes of rows; raises CommandError where the disk does not take them."""
    sources = open_folder(options).locate(rows)
    journal.forget_changed(rows, sources)
    total = sum(source.size for source in sources.values())
    try:
        with Progress(stream, total, _("Files")) as progress:
            failed = import_bytes(rows, sources, journal, link=options.link, progress=progress)
    except OSError as error:
        sentence = _("The files could not be imported (%(why)s). The database is unchanged.")
        raise CommandError(sentence % {"why": error.strerror or error}) from None
    for key, failure in failed.items():
        state = DAMAGED if isinstance(failure, SizeChanged) else UNREADABLE
        sources[key] = Source(state, found=getattr(failure, "found", None))
        values = {"key": key, "why": failure.strerror or failure}
        stream.write(_("File %(key)s cannot be read (%(why)s).") % values + "\n")
    if options.missing:
        write_missing(options.missing, rows, sources)


def complete_rows(keys: dict[int, str], journal: Journal) -> None:
    """Give copied rows clean names, types and search texts, and the place of imported bytes.

    `keys` is {id: old key} of the rows.
    """
    batch = []
    for file in File.objects.order_by("pk").iterator(chunk_size=2000):
        if file.pk not in keys:
            continue
        row = OldFile(keys[file.pk], file.storage_path, file.size)
        if complete_row(file, journal.find(row)):
            batch.append(file)
        if len(batch) >= BATCH:
            File.objects.bulk_update(batch, CHANGED)
            batch = []
    File.objects.bulk_update(batch, CHANGED)


def complete_row(file: File, imported: ImportedFile | None) -> bool:
    """Clean a File, and point it to its ImportedFile if there is one; returns if it changed."""
    before = [getattr(file, name) for name in CHANGED]
    file.filename = clean_filename(file.filename or file.storage_path)
    file.search_text = normalize_for_search(file.filename)[:255]
    file.content_type = media_type(file.content_type, file.filename)
    if imported:
        file.storage_path, file.size, file.sha256 = imported.path, imported.size, imported.sha256
    return before != [getattr(file, name) for name in CHANGED]


def list_files_without_bytes() -> list[OldFile]:
    """Return the OldFiles of Camp's own rows whose bytes still are in the old folder."""
    values = File.objects.order_by("pk").values_list("pk", "storage_path", "size", "filename")
    return [
        OldFile(str(key), *others)
        for key, *others in values.iterator(chunk_size=2000)
        if not backend.OPAQUE.fullmatch(others[0])
    ]


def import_later(options: FileOptions, stream: TextIO) -> int:
    """Import bytes into a database that is Camp's already; returns how many rows got theirs.

    A row changes only if it still names the old place.
    """
    journal, rows = open_journal(), list_files_without_bytes()
    fetch_files(rows, options, journal, stream)
    done = sum(set_bytes(row, copy) for row in rows if (copy := journal.find(row)))
    journal.remove()
    return done


def set_bytes(row: OldFile, imported: ImportedFile) -> int:
    """Point a row to its imported bytes; returns 1, or 0 if it changed meanwhile."""
    files = File.objects.filter(pk=row.key, storage_path=row.path)
    changed = files.update(storage_path=imported.path, size=imported.size, sha256=imported.sha256)
    if changed:
        quota.forget_usage(File.objects.values_list("user_id", flat=True).get(pk=row.key))
    return changed
