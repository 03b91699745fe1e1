"""Has each file its bytes, as many as its row says, and those that came? And its versions?"""

import errno
import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db.models import F, Sum, Value
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations import error_messages
from camp.operations.console import size as in_words
from camp.operations.diagnostics.file_check.shared import batches, mend_command
from camp.operations.diagnostics.files import ways_back
from camp.web.findings import error, ok, warning
from files.library import quota
from files.models import File, Version
from files.storage import backend

BLOCK = 2**20  # bytes
NAMED = 20  # files that are named by their id
FIELDS = ("size", "sha256", "storage_path", "user_id", "of", "version")
# What may be the matter with a file
MISSING, UNREADABLE, DAMAGED, UNCLEAR = "missing", "unreadable", "damaged", "unclear"
SIZE, UNHASHED = "size", "unhashed"


@dataclass
class RelatedCount:
    """How many files something is the matter with, and the first of their ids."""

    count: int = 0
    ids: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def add(self, id, path):
        """Count a file, or a version of one, whose bytes are at a storage path."""
        self.count += 1
        self.paths.append(path)
        if len(self.ids) < NAMED:
            self.ids.append(id)

    @property
    def named(self):
        """The ids in words."""
        listed = ", ".join(self.ids)
        if self.count == len(self.ids):
            return listed
        return _("%(ids)s and so on") % {"ids": listed}


def look(progress, *, fix, sample):
    """Yield what is found of the files, each of which is looked at."""
    contents = Contents(fix, sample)
    with progress(contents.bytes_to_read(), _("Reading the files")) as shown:
        contents.read(shown)
    yield contents.missing()
    if contents.wrong[UNREADABLE].count:
        yield contents.unreadable()
    yield contents.checksums()
    yield from contents.sizes()
    yield from contents.unhashed()


class Contents:
    """All files and their earlier versions, looked at one after the other.

    `wrong` and `mended` tally files by what was the matter with them.
    """

    def __init__(self, fix, sample):
        self.wrong, self.mended = defaultdict(RelatedCount), defaultdict(RelatedCount)
        self._fix = fix
        self._files = self._compared = self._bytes = 0
        self._why = None
        self._sample = None if sample is None else sampled(sample)

    def bytes_to_read(self):
        """Return how many bytes are compared or hashed, as far as the rows tell."""
        if self._sample is None:
            return sum(total(rows if self._fix else hashed(rows)) for rows in with_bytes())
        unhashed = sum(total(rows.filter(sha256="")) for rows in with_bytes()) if self._fix else 0
        return sum(self._sample.values()) + unhashed

    def read(self, progress):
        """Look at all of them, and mend what can be mended if that is wanted."""
        for rows in with_bytes():
            for batch in batches(rows, *FIELDS):
                self._files += len(batch)
                if doubts := list(self._doubts(batch, progress)):
                    self._settle(rows, doubts)

    def _doubts(self, batch, progress):
        """Yield (row, what seems to be the matter, see `_doubt`) for some of several rows."""
        sizes = backend.sizes([row.storage_path for row in batch])
        for row, size in zip(batch, sizes, strict=True):
            if found := self._doubt(row, size, progress):
                yield row, *found

    def _settle(self, rows, doubts):
        there = rows.filter(pk__in=[row.pk for row, *_rest in doubts])
        unchanged = set(there.values_list("pk", *FIELDS))
        for row, what, values in doubts:
            # Others are gone by now, as their bytes are.
            if row in unchanged:
                mended = values and self._fix and self._mend(rows, row, values)
                (self.mended if mended else self.wrong)[what].add(named(row), row.storage_path)

    def _doubt(self, row, size, progress):
        """Return what seems to be the matter with a file, and what its row should say instead.

        `size` is how many bytes it has. None if nothing is.
        """
        there = size == row.size
        if there and not self._is_to_be_read(row):
            return None if row.sha256 else (UNHASHED, None)
        try:
            size, sha256 = digest(row.storage_path, progress)
        except FileNotFoundError:
            return MISSING, None
        except OSError as problem:
            self._why = problem
            return UNREADABLE, None
        self._compared += bool(row.sha256)
        self._bytes += size
        if size == row.size:
            if not row.sha256:
                return UNHASHED, {"sha256": sha256}
            return None if sha256 == row.sha256 else (DAMAGED, None)
        if not row.sha256:  # nothing tells whether the row is wrong or the bytes are
            return UNCLEAR, None
        return (SIZE, {"size": size}) if sha256 == row.sha256 else (DAMAGED, None)

    def _is_to_be_read(self, row):
        if not row.sha256:
            return self._fix
        return self._sample is None or (row.version, row.pk) in self._sample

    def _mend(self, rows, row, values):
        """Correct the row, if it is still the same; returns whether that was done."""
        done = rows.filter(**row._asdict()).update(**values)
        if "size" in values:
            quota.forget_usage(row.user_id)
        return bool(done)

    def missing(self):
        """Return whether all files have their bytes."""
        lost = self.wrong[MISSING]
        if not lost.count:
            return ok("files.missing", _("All files have their bytes (%(count)s)") % self._values())
        title = ngettext("%(lost)s file has no bytes", "%(lost)s files have no bytes", lost.count)
        return error("files.missing", title % {"lost": lost.count}, *way(lost, lost=True))

    def unreadable(self):
        """Return why the bytes of some files cannot be read."""
        found = self.wrong[UNREADABLE]
        title = ngettext(
            "%(count)s file cannot be read (%(why)s)",
            "%(count)s files cannot be read (%(why)s)",
            found.count,
        )
        values = {"count": found.count, "why": self._why.strerror or self._why}
        fix = ""
        if self._why.errno in (errno.EACCES, errno.EPERM):
            fix = error_messages.own_folder_command(Path(settings.LOCAL_STORAGE_PATH))
        return error("files.unreadable", title % values, by_id(found), fix)

    def checksums(self):
        """Return whether the bytes are those that came."""
        damaged = self.wrong[DAMAGED]
        if damaged.count:
            title = ngettext(
                "%(count)s file has other bytes than those that came",
                "%(count)s files have other bytes than those that came",
                damaged.count,
            )
            return error("files.checksums", title % {"count": damaged.count}, *way(damaged))
        if self._sample is None:
            title = _("All checksums are right (%(compared)s files, %(bytes)s read)")
        else:
            title = _("The checksums are right (%(compared)s of %(count)s files, %(bytes)s read)")
        return ok("files.checksums", title % self._values())

    def sizes(self):
        """Yield whether the rows say how many bytes there are."""
        unclear, wrong, mended = self.wrong[UNCLEAR], self.wrong[SIZE], self.mended[SIZE]
        if unclear.count:
            title = ngettext(
                "%(count)s file without a checksum has another size than its row says",
                "%(count)s files without a checksum have another size than their rows say",
                unclear.count,
            )
            yield error("files.sizes", title % {"count": unclear.count}, *way(unclear))
        if wrong.count:
            title = ngettext(
                "%(count)s file is whole, but its row says another size",
                "%(count)s files are whole, but their rows say other sizes",
                wrong.count,
            )
            title %= {"count": wrong.count}
            yield warning("files.sizes", title, by_id(wrong), mend_command())
        if mended.count:
            title = ngettext(
                "The size of %(count)s file was corrected",
                "The sizes of %(count)s files were corrected",
                mended.count,
            )
            yield ok("files.sizes", title % {"count": mended.count}, by_id(mended))
        if not (unclear.count or wrong.count or mended.count):
            yield ok("files.sizes", _("All sizes are right"))

    def unhashed(self):
        """Yield how many files have, or had, no checksum."""
        left, mended = self.wrong[UNHASHED].count, self.mended[UNHASHED].count
        if mended:
            title = ngettext(
                "%(count)s file got its checksum", "%(count)s files got their checksums", mended
            )
            yield ok("files.unhashed", title % {"count": mended})
        if left:
            title = ngettext(
                "%(count)s file has no checksum yet", "%(count)s files have no checksum yet", left
            )
            detail = _("Files of an old database have none.")
            yield warning("files.unhashed", title % {"count": left}, detail, mend_command())

    def _values(self):
        return {
            "count": self._files,
            "compared": self._compared,
            "bytes": in_words(self._bytes),
        }


def with_bytes():
    """Return the querysets of all rows that name bytes: files, and their earlier versions."""
    files = File.objects.annotate(of=F("pk"), version=Value(False))
    versions = Version.objects.order_by().annotate(
        user_id=F("file__user_id"), of=F("file_id"), version=Value(True)
    )
    return [files, versions]


def hashed(rows):
    """Return those of which a checksum is known."""
    return rows.exclude(sha256="")


def sampled(count):
    """Return {(whether it is a version, pk): bytes} for about `count` rows, by chance."""
    counts = [hashed(rows).count() for rows in with_bytes()]
    found = {}
    for rows, there in zip(with_bytes(), counts, strict=True):
        share = math.ceil(count * there / max(1, sum(counts)))
        chosen = hashed(rows).order_by("?").values_list("version", "pk", "size")
        found |= {(version, pk): size for version, pk, size in chosen[:share]}
    return found


def named(row):
    """Return by which id people find a file, or one of its versions."""
    if not row.version:
        return str(row.pk)
    return _("%(file)s (version %(version)s)") % {"file": row.of, "version": row.pk}


def total(rows):
    """Return the size of files by their rows."""
    return rows.aggregate(sum=Sum("size"))["sum"] or 0


def digest(path, progress):
    """Return how many bytes are at a storage path, and their SHA-256; raises OSError."""
    size, found = 0, hashlib.sha256()
    with backend.open(path) as stream:
        while block := stream.read(BLOCK):
            found.update(block)
            size += len(block)
            progress.add(len(block))
    return size, found.hexdigest()


def by_id(tally):
    """Return which files are meant."""
    return _("By id: %(ids)s.") % {"ids": tally.named}


def way(tally, *, lost=False):
    """Return which files are meant and how their bytes may come back, and the command for it."""
    detail, fix = ways_back(tally.paths, lost=lost)
    return f"{by_id(tally)} {detail}", fix
