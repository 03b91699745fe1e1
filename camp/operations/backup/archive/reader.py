"""Unpacking: one pass in which every byte is held against what must stand there."""

import functools
import hashlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from django.utils.translation import gettext as _

from camp.operations.backup.archive import format as form
from camp.operations.backup.archive import pipeline
from camp.operations.backup.archive.format import BLOCK, END, SUMS, Damaged
from camp.operations.console import Silent

MANIFEST = "manifest.json"
# A manifest lists tables and migrations.
LARGEST_MANIFEST = 16 * 2**20
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
NEW_FILE |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Member(NamedTuple):
    """A member's name and how many bytes it has."""

    name: str
    size: int


class Reader:
    """The archive at `path`; raises OSError where that cannot be read."""

    def __init__(self, path):
        self.path = Path(path)
        self.size = self.path.stat().st_size

    def manifest(self):
        """Return the manifest; reads only the beginning, and verifies no more than its form.

        Raises Damaged.
        """
        with self.path.open("rb") as stream:
            blocks = functools.partial(stream.read, BLOCK)
            member, _mtime = self._header(blocks, None)
            if member is None or member.name != MANIFEST or member.size > LARGEST_MANIFEST:
                raise self._damaged(_("it does not begin with a manifest"))
            try:
                manifest = json.loads(stream.read(member.size).decode())
                _format = manifest["format"], manifest["kind"]
            except (ValueError, TypeError, KeyError):
                raise self._damaged(_("its manifest cannot be read")) from None
        return manifest

    def refuse_wrong_manifest(self):
        """Raise Damaged where the manifest does not have the checksum that was noted.

        Reads the headers up to the list of checksums; says nothing where these are damaged.
        """
        with self.path.open("rb") as stream:
            blocks = functools.partial(stream.read, BLOCK)
            member, mtime = self._header(blocks, None)
            begins = stream.tell()
            digest = hashlib.sha256(stream.read(member.size)).hexdigest()
            line = form.sums_line(digest, MANIFEST)
            try:
                while member and member.name != SUMS:
                    stream.seek(begins + member.size + form.padding(member.size))
                    member, mtime = self._header(blocks, mtime)
                    begins = stream.tell()
            except Damaged:
                return
            if member and stream.read(len(line)) != line:
                raise self._damaged(_wrong_checksum(MANIFEST))

    def unpack(self, place, progress=None, on_hash=None):
        """Read all of the archive; returns (members, their bytes) if it is whole.

        `place(name, size)`, called for each member in order, returns where its bytes go: a
        path at which nothing may be yet, a binary stream that is only written to, or None.
        `on_hash(name, SHA-256 in hex)` is called for each member in another thread. What was
        written is right only after this returned. Raises Damaged, OSError, and what the
        callables raise.
        """
        with _Pass(self, place, progress or Silent(), on_hash) as one:
            return one.run()

    def verify(self, progress=None):
        """Do as `unpack`, and put nothing anywhere."""
        return self.unpack(lambda name, size: None, progress)

    def _header(self, next_block, mtime):
        """Return (member, time) of the header that comes next; (None, time) at the end.

        `next_block(size=BLOCK)` returns bytes.
        """
        first = next_block()
        if first == form.ZEROS:
            return None, mtime
        try:
            name, size, time, kind = form.parse(first)
            raw = first
            if kind == form.PAX and size <= form.LARGEST_RECORD:
                record = b"".join(next_block() for _block in range(0, size, BLOCK))
                last = next_block()
                raw += record + last
                name, size = form.parse_record(record[:size]), form.parse(last)[1]
            right = raw == form.header(name, size, time if mtime is None else mtime)
        except (ValueError, OverflowError):
            right = False
        if not right or not form.is_safe(name) or not form.is_safe(name.partition("/")[2] or name):
            raise self._damaged(_("a header is not what was packed"))
        return Member(name, size), time

    def _damaged(self, why):
        sentence = _("The archive %(file)s is damaged: %(why)s.")
        return Damaged(sentence % {"file": self.path, "why": why})

    def _cut(self):
        return self._damaged(_("it is cut off"))


class _Pass:
    """One pass over all of an archive."""

    def __init__(self, reader, place, progress, on_hash):
        self._reader = reader
        self._place = place
        self._progress = progress
        self._on_hash = on_hash
        # One checksum a line, in order, to be held against the list at the end.
        self._sums = tempfile.SpooledTemporaryFile(2**20)  # noqa: SIM115
        self._output = None
        self._count = self._bytes = 0

    def __enter__(self):
        self._stream = io.FileIO(self._reader.path)
        self._pipeline = pipeline.Pipeline(pipeline.Hashing(self._hashed), self._write)
        self._chunk, self._position = self._pipeline.take(), 0
        return self

    def __exit__(self, kind, error, traceback):
        self._pipeline.stop()
        self._stream.close()
        self._sums.close()
        if self._output:
            self._output.close()

    def run(self):
        """Do the pass; returns (members, their bytes)."""
        mtime = None
        while True:
            member, mtime = self._reader._header(self._block, mtime)
            if member is None:
                raise self._reader._damaged(_("its list of checksums is missing"))
            if member.name == SUMS:
                break
            self._member(member)
        self._compare(member.size)
        return self._count, self._bytes

    def _member(self, member):
        self._count += 1
        self._bytes += member.size
        target = self._place(member.name, member.size)
        left = member.size
        while left:
            start = self._fill()
            count = min(left, self._chunk.used - start)
            left -= count
            self._position += count
            self._chunk.parts.append((start, start + count, (member, target), not left))
        if not member.size:
            self._chunk.parts.append((0, 0, (member, target), True))
        self._zeros(form.padding(member.size))

    def _zeros(self, count):
        if count and self._block(count) != form.ZEROS[:count]:
            raise self._reader._damaged(_("there is something between its members"))

    def _fill(self):
        """Return where the next bytes stand in the present chunk; at least one is there."""
        if self._position == self._chunk.used:
            if self._chunk.used:
                full, self._chunk = self._chunk, None
                self._pipeline.give(full)
                self._chunk, self._position = self._pipeline.take(), 0
            chunk = self._chunk
            while chunk.room and (count := self._stream.readinto(chunk.view[chunk.used :])):
                chunk.used += count
            if not chunk.used:
                raise self._reader._cut()
            self._progress.add(chunk.used)
        return self._position

    def _block(self, size=BLOCK):
        """Return the next bytes, outside of members."""
        found = b""
        while len(found) < size:
            start = self._fill()
            stop = min(start + size - len(found), self._chunk.used)
            found += bytes(self._chunk.view[start:stop])
            self._position = stop
        return found

    def _compare(self, size):
        """Hold the list of checksums, and the end after it, against what was read."""
        begins = self._stream.tell() - self._chunk.used + self._position
        self._pipeline.give(self._chunk)
        self._pipeline.end()
        self._sums.seek(0)
        with self._reader.path.open("rb") as claimed:
            claimed.seek(begins)
            self._compare_lines(claimed, size)
            if claimed.read(form.padding(size)) != bytes(form.padding(size)):
                raise self._reader._damaged(_("there is something between its members"))
            rest = claimed.read(len(END) + 1)
        if END.startswith(rest) and rest != END:
            raise self._reader._cut()
        if rest != END:
            raise self._reader._damaged(_("there is something after its end"))

    def _compare_lines(self, claimed, size):
        for line in self._sums:
            found = claimed.read(len(line))
            size -= len(line)
            if found == line:
                continue
            name = line.split(b"  ", 1)[1].decode().strip("\n")
            if not found.endswith(line[64:]):
                why = _("its list of checksums does not fit its members at %(name)s") % {
                    "name": name
                }
            else:
                why = _wrong_checksum(name)
            raise self._reader._damaged(why)
        if size:
            raise self._reader._damaged(_("its list of checksums names more members than it has"))

    def _hashed(self, member, digest):
        self._sums.write(form.sums_line(digest, member[0].name))
        if self._on_hash:
            self._on_hash(member[0].name, digest)

    def _write(self, chunk):
        """Bring the bytes of members to where `place` said."""
        for start, stop, (_member, target), ends in chunk.parts:
            if target is None:
                continue
            if self._output is None:
                self._output = _Output(target)
            self._output.write(chunk.view[start:stop])
            if ends:
                done, self._output = self._output, None
                done.close()


def _wrong_checksum(name):
    return _("%(name)s does not have the checksum that was noted") % {"name": name}


class _Output:
    """Where a member's bytes go: a new file, or a stream of somebody else's."""

    def __init__(self, target):
        self._descriptor = None
        if isinstance(target, (str, os.PathLike)):
            self._descriptor = os.open(target, NEW_FILE, 0o600)
            target = pipeline.Sink(self._descriptor)
        self._target = target

    def write(self, view):
        """Write all of a memoryview."""
        self._target.write(view)

    def close(self):
        """Close the file; a stream stays open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
