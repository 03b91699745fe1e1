"""`manage.py doctor --files`: compare every file with its bytes, and all bytes with the files.

Rows are read by key in batches and bytes in blocks: nothing stays locked, and memory stays
constant. Because people go on working, each problem is checked again before it is reported.
"""

import errno
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.cache.manager import cache_manager
from camp.config import shell
from camp.operations import error_messages, stored_bytes
from camp.operations.console import Progress, format_size
from camp.operations.diagnostics.files import describe_no_orphans, explain_recovery
from camp.web.findings import Finding, error, ok, warning
from files import sweep
from files.library import quota
from files.serving import thumbnails
from files.storage import backend

TOPIC = "files"
MAX_IDS = 20  # in one finding
THUMBNAIL_BATCH = 500
FIELDS = ("size", "sha256", "storage_path", "user_id", "of", "version")
# The problems of a file
MISSING, UNREADABLE, DAMAGED, UNCLEAR = "missing", "unreadable", "damaged", "unclear"
SIZE, UNHASHED = "size", "unhashed"


def check_all_files(
    *,
    progress: Callable[[int, str], Progress],
    fix: bool = False,
    sample: int | None = None,
) -> Iterator[Finding]:
    """Yield the findings; with `fix` also correct what loses nothing.

    Compares the bytes of `sample` files, of all if None. `progress(total, label)` returns a
    context manager that counts the bytes that were read.
    """
    check = ContentCheck(fix, sample)
    with progress(check.bytes_to_read(), _("Reading the files")) as shown:
        check.run(shown)
    yield from check.report()
    yield from check_leftovers(fix)
    yield check_cached_usage(fix)


def fix_command() -> str:
    """Return the command that checks again and corrects."""
    return shell.manage("doctor", "--files", "--fix")


@dataclass
class Affected:
    """The files with one problem."""

    paths: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of files."""
        return len(self.paths)

    def add(self, row: Any) -> None:
        """Add the row of a file or of an earlier version."""
        self.paths.append(row.storage_path)
        if len(self.ids) < MAX_IDS:
            version = _("%(file)s (version %(version)s)") % {"file": row.of, "version": row.pk}
            self.ids.append(version if row.version else str(row.pk))

    def list_ids(self) -> str:
        """Return a sentence with the ids of the first files."""
        ids = ", ".join(self.ids)
        if self.count > len(self.ids):
            ids = _("%(ids)s and so on") % {"ids": ids}
        return _("By id: %(ids)s.") % {"ids": ids}

    def explain_recovery(self, *, lost: bool = False) -> tuple[str, str]:
        """Return the ids and how to recover the bytes, and the command for it."""
        detail, fix = explain_recovery(self.paths, lost=lost)
        return f"{self.list_ids()} {detail}", fix


class ContentCheck:
    """Compares all files and their earlier versions with their bytes.

    `wrong` and `fixed` are {problem: Affected}.
    """

    def __init__(self, fix: bool, sample: int | None) -> None:
        self.wrong: dict[str, Affected] = defaultdict(Affected)
        self.fixed: dict[str, Affected] = defaultdict(Affected)
        self._fix = fix
        self._files = self._compared = self._bytes = 0
        self._error = OSError()  # the last one
        self._sample = None if sample is None else choose_sample(sample)

    def bytes_to_read(self) -> int:
        """Return how many bytes `run` reads, as far as the rows tell."""
        querysets = stored_bytes.querysets_with_bytes()
        hashed = sum(stored_bytes.sum_sizes(stored_bytes.with_checksum(rows)) for rows in querysets)
        unhashed = 0
        if self._fix:
            unhashed = sum(stored_bytes.sum_sizes(rows.filter(sha256="")) for rows in querysets)
        return unhashed + (hashed if self._sample is None else sum(self._sample.values()))

    def run(self, progress: Progress) -> None:
        """Check all files, and correct their rows if that is wanted."""
        for rows in stored_bytes.querysets_with_bytes():
            for batch in stored_bytes.iterate_batches(rows, *FIELDS):
                self._files += len(batch)
                sizes = backend.sizes([row.storage_path for row in batch])
                suspects = []
                for row, size in zip(batch, sizes, strict=True):
                    if problem := self._find_problem(row, size, progress):
                        suspects.append((row, *problem))
                if suspects:
                    self._confirm(rows, suspects)

    def _confirm(self, rows: Any, suspects: list[tuple[Any, str, dict[str, Any] | None]]) -> None:
        """Record the suspects whose rows are unchanged; others were deleted or replaced."""
        current = rows.filter(pk__in=[row.pk for row, *_rest in suspects])
        unchanged = set(current.values_list("pk", *FIELDS))
        for row, problem, correction in suspects:
            if row in unchanged:
                fixed = self._fix and correction and self._correct(rows, row, correction)
                (self.fixed if fixed else self.wrong)[problem].add(row)

    def _correct(self, rows: Any, row: Any, values: dict[str, Any]) -> bool:
        """Update the row unless it has changed; return whether it was updated."""
        updated = rows.filter(**row._asdict()).update(**values)
        if "size" in values:
            quota.forget_usage(row.user_id)
        return bool(updated)

    def _find_problem(
        self, row: Any, size: int | None, progress: Progress
    ) -> tuple[str, dict[str, Any] | None] | None:
        """Return the problem of a file and the correct values of its row, or None.

        `size` is the number of its stored bytes.
        """
        if size == row.size and not self._must_read(row):
            return None if row.sha256 else (UNHASHED, None)
        try:
            size, sha256 = stored_bytes.hash_stored_file(row.storage_path, progress)
        except FileNotFoundError:
            return MISSING, None
        except OSError as problem:
            self._error = problem
            return UNREADABLE, None
        self._compared += bool(row.sha256)
        self._bytes += size
        if not row.sha256:
            # Without a checksum either the size in the row or the bytes may be wrong.
            return (UNHASHED, {"sha256": sha256}) if size == row.size else (UNCLEAR, None)
        if sha256 != row.sha256:
            return DAMAGED, None
        return None if size == row.size else (SIZE, {"size": size})

    def _must_read(self, row: Any) -> bool:
        if not row.sha256:
            return self._fix
        return self._sample is None or (row.version, row.pk) in self._sample

    def report(self) -> Iterator[Finding]:
        """Yield the findings about missing, unreadable and damaged bytes, sizes, checksums."""
        read = format_size(self._bytes)
        values = {"count": self._files, "compared": self._compared, "bytes": read}
        if lost := self.wrong[MISSING].count:
            title = ngettext("%(lost)s file has no bytes", "%(lost)s files have no bytes", lost)
            recovery = self.wrong[MISSING].explain_recovery(lost=True)
            yield error("files.missing", title % {"lost": lost}, *recovery)
        else:
            yield ok("files.missing", _("All files have their bytes (%(count)s)") % values)
        if self.wrong[UNREADABLE].count:
            yield self._report_unreadable()
        if count := self.wrong[DAMAGED].count:
            title = ngettext("%(count)s file is damaged", "%(count)s files are damaged", count)
            recovery = self.wrong[DAMAGED].explain_recovery()
            yield error("files.checksums", title % {"count": count}, *recovery)
        elif self._sample is None:
            title = _("All checksums are right (%(compared)s files, %(bytes)s read)")
            yield ok("files.checksums", title % values)
        else:
            title = _("The checksums are right (%(compared)s of %(count)s files, %(bytes)s read)")
            yield ok("files.checksums", title % values)
        yield from self._report_sizes()
        yield from self._report_unhashed()

    def _report_unreadable(self) -> Finding:
        affected, problem = self.wrong[UNREADABLE], self._error
        title = ngettext(
            "%(count)s file cannot be read (%(why)s)",
            "%(count)s files cannot be read (%(why)s)",
            affected.count,
        )
        values = {"count": affected.count, "why": problem.strerror or problem}
        fix = ""
        if problem.errno in (errno.EACCES, errno.EPERM):
            fix = error_messages.own_folder_command(Path(settings.LOCAL_STORAGE_PATH))
        return error("files.unreadable", title % values, affected.list_ids(), fix)

    def _report_sizes(self) -> Iterator[Finding]:
        unclear, wrong, fixed = self.wrong[UNCLEAR], self.wrong[SIZE], self.fixed[SIZE]
        if count := unclear.count:
            title = ngettext(
                "%(count)s file without a checksum has another size than its row says",
                "%(count)s files without a checksum have another size than their rows say",
                count,
            )
            yield error("files.sizes", title % {"count": count}, *unclear.explain_recovery())
        if count := wrong.count:
            title = ngettext(
                "%(count)s file is intact, but its row has the wrong size",
                "%(count)s files are intact, but their rows have the wrong size",
                count,
            )
            yield warning("files.sizes", title % {"count": count}, wrong.list_ids(), fix_command())
        if count := fixed.count:
            title = ngettext(
                "The size of %(count)s file was corrected",
                "The sizes of %(count)s files were corrected",
                count,
            )
            yield ok("files.sizes", title % {"count": count}, fixed.list_ids())
        if not (unclear.count or wrong.count or fixed.count):
            yield ok("files.sizes", _("All sizes are right"))

    def _report_unhashed(self) -> Iterator[Finding]:
        if count := self.fixed[UNHASHED].count:
            title = ngettext(
                "The checksum of %(count)s file was added",
                "The checksums of %(count)s files were added",
                count,
            )
            yield ok("files.unhashed", title % {"count": count})
        if count := self.wrong[UNHASHED].count:
            title = ngettext(
                "%(count)s file has no checksum yet", "%(count)s files have no checksum yet", count
            )
            detail = _("Files of an old database have none.")
            yield warning("files.unhashed", title % {"count": count}, detail, fix_command())


def choose_sample(count: int) -> dict[tuple[bool, object], int]:
    """Return {(is a version, pk): bytes} of about `count` random rows with a checksum."""
    querysets = [stored_bytes.with_checksum(rows) for rows in stored_bytes.querysets_with_bytes()]
    counts = [rows.count() for rows in querysets]
    sample: dict[tuple[bool, object], int] = {}
    for rows, number in zip(querysets, counts, strict=True):
        share = math.ceil(count * number / max(1, sum(counts)))
        chosen = rows.order_by("?").values_list("version", "pk", "size")[:share]
        sample |= {(version, pk): size for version, pk, size in chosen}
    return sample


def check_leftovers(fix: bool) -> Iterator[Finding]:
    """Yield the bytes, uploads and thumbnails without a file, or with `fix` their removal."""
    try:
        swept = sweep.sweep_bytes(dry_run=not fix)
    except sweep.ForeignStorage as foreign:
        title = _("Most stored bytes belong to no file of this database (%(found)s of %(count)s)")
        values = {"found": foreign.orphans, "count": foreign.orphans + foreign.known}
        detail = _("Does the storage belong to another database? Nothing was removed.")
        command = shell.manage("sweep", "--dry-run")
        yield error("files.orphans", title % values, detail, command)
        return
    left = sweep.SweepResult()
    if fix and (swept.orphans or swept.staged):
        left = sweep.sweep_bytes(dry_run=True)
    if swept.orphans:
        found = ngettext(
            "%(count)s stored file without an owner",
            "%(count)s stored files without an owner",
            swept.orphans,
        )
        yield describe_leftovers("files.orphans", found, swept.orphans, left.orphans, fix)
    else:
        yield describe_no_orphans()
    if swept.staged:
        found = ngettext("%(count)s expired upload", "%(count)s expired uploads", swept.staged)
        yield describe_leftovers("files.uploads", found, swept.staged, left.staged, fix)
    else:
        yield ok("files.uploads", _("No upload has expired"))
    yield check_thumbnails(fix)


def check_thumbnails(fix: bool) -> Finding:
    """Return whether there are thumbnails without a file; with `fix` remove them."""
    kept = thumbnails.list_thumbnails(timezone.now() - sweep.MIN_AGE)
    count = left = 0
    while batch := dict(islice(kept, THUMBNAIL_BATCH)):
        known = sweep.named_paths(set(batch.values()))
        for path, storage_path in batch.items():
            if storage_path not in known:
                count += 1
                try:
                    if fix:
                        path.unlink(missing_ok=True)
                except OSError:
                    left += 1
    if not count:
        return ok("files.thumbnails", _("No thumbnail is without a file"))
    found = ngettext(
        "%(count)s thumbnail without a file", "%(count)s thumbnails without a file", count
    )
    return describe_leftovers("files.thumbnails", found, count, left, fix)


def describe_leftovers(id: str, found: str, count: int, left: int, fix: bool) -> Finding:
    """Return the Finding for `count` leftovers, of which `left` could not be removed."""
    found %= {"count": count}
    if not fix:
        return warning(id, found, fix=fix_command())
    if left:
        title = _("%(left)s of %(count)s could not be removed: %(found)s")
        values = {"left": left, "count": count, "found": found}
        return error(id, title % values, fix=fix_command())
    return ok(id, _("Removed: %(found)s") % {"found": found})


def check_cached_usage(fix: bool) -> Finding:
    """Return whether the cached sums of used space agree with the rows; `fix` drops wrong ones."""
    cached = wrong = 0
    for batch in stored_bytes.iterate_batches(get_user_model().objects.all()):
        values = {row.pk: cache_manager.get_sync(quota.usage_cache_key(row.pk)) for row in batch}
        values = {pk: value for pk, value in values.items() if value is not None}
        cached += len(values)
        sums = quota.usage_of(list(values))
        for pk, value in values.items():
            if value != sums[pk] and is_usage_wrong(pk):
                wrong += 1
                if fix:
                    quota.forget_usage(pk)
    detail = _("Quotas use the rows, never a cached sum.")
    if not wrong:
        title = _("The cached sums of used space agree with the rows (%(count)s cached)")
        return ok("files.sums", title % {"count": cached}, detail)
    title = ngettext(
        "%(count)s cached sum of used space that disagrees with the rows",
        "%(count)s cached sums of used space that disagree with the rows",
        wrong,
    )
    title %= {"count": wrong}
    if fix:
        return ok("files.sums", _("Removed: %(found)s") % {"found": title}, detail)
    return warning("files.sums", title, detail, fix_command())


def is_usage_wrong(pk: object) -> bool:
    """Return whether a user's cached sum is still wrong: an upload may have changed it."""
    value = cache_manager.get_sync(quota.usage_cache_key(pk))
    return value is not None and value != quota.usage_of([pk])[pk]
