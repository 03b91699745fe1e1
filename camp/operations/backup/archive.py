"""Camp's archive format: an uncompressed POSIX (pax) tar whose last member is `SHA256SUMS`.

`tar xf` and `sha256sum -c` read it. Members are hashed while they stream; only regular files
with safe relative names are written and accepted. The archive is written as `<name>.part`
and renamed once all of it is on the disk.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tarfile import (  # type: ignore[attr-defined]  # typeshed lacks them
    EmptyHeaderError,
    EOFHeaderError,
    InvalidHeaderError,
    TruncatedHeaderError,
)
from typing import IO, Any, BinaryIO, Protocol, Self

from django.utils.translation import gettext as _

from camp.fs.atomic import AtomicFile
from camp.fs.filenames import is_safe_path
from camp.operations.console import Progress

FORMAT = 1  # in the manifest
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
CHUNK = 2**20  # bytes read at once
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
# Limits in bytes for what is read into memory.
LARGEST_MANIFEST = 16 * 2**20
LARGEST_LINE = 2**14
LARGEST_PAX_HEADER = 2**13
# What opening a path that cannot be a file may raise, on any system.
NOT_A_FILE = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL}
NOT_A_FILE |= {errno.ELOOP, errno.ENXIO}
# Without it, opening a named pipe would wait for its writer.
NON_BLOCKING = getattr(os, "O_NONBLOCK", 0)
# What tarfile raises for a header that makes no sense.
BAD_HEADER = (tarfile.TarError, ValueError, TypeError, IndexError, RecursionError)
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Damaged(Exception):
    """The archive is not what was packed; the message is one sentence for the user."""


class Sink(Protocol):
    """What the bytes of a member can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""


def padding(size: int) -> int:
    """Return the number of zeros after a member of `size` bytes."""
    return -size % BLOCK


def sums_line(digest: str, name: str) -> bytes:
    """Return a member's line in SHA256SUMS, escaped as `sha256sum` does."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    prefix = "\\" if escaped != name else ""
    return f"{prefix}{digest}  {escaped}\n".encode()


def make_header(name: str, size: int, mtime: int, is_late: bool = False) -> bytes:
    """Return a member's header; if `is_late`, it has the same length for every size."""
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.size = 0o600, mtime, size
    if is_late:
        info.pax_headers = {"size": str(size)}
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


class Writer:
    """Writes the archive `path`; use as a context manager.

    `mtime` is the time of all members in seconds of the epoch. Leaving the context finalises
    the archive, or removes it after an exception. Raises FileExistsError and OSError.
    """

    def __init__(self, path: Path | str, mtime: float) -> None:
        self._file = AtomicFile(path)
        self.path = self._file.path
        self._output = self._file.stream
        self._mtime = int(mtime)
        folder = str(self.path.parent)
        self._sums = tempfile.SpooledTemporaryFile(CHUNK, dir=folder)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_details: object) -> None:
        try:
            with self._sums:
                if kind is None:
                    self._finish()
        finally:
            self._file.discard()

    def _finish(self) -> None:
        size = self._sums.tell()
        self._sums.seek(0)
        self._output.write(make_header(SUMS, size, self._mtime))
        while data := self._sums.read(CHUNK):
            self._output.write(data)
        self._output.write(bytes(padding(size)) + END)
        self._file.finish()

    def add_bytes(self, name: str, data: bytes) -> None:
        """Add a member from memory."""
        self.add_stream(name, io.BytesIO(data), len(data))

    def add_file(
        self, name: str, path: Path | str, progress: Progress | None = None
    ) -> tuple[int, str]:
        """Add the file at `path`; returns (size, SHA-256 in hex).

        Raises FileNotFoundError, before anything is written, where there is no regular file.
        """
        with _open_regular(path) as stream:
            return self.add_stream(name, stream, os.fstat(stream.fileno()).st_size, progress)

    def add_stream(
        self,
        name: str,
        stream: IO[bytes],
        size: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[int, str]:
        """Add what a binary stream returns; returns (size, SHA-256 in hex).

        With a `size`, exactly so many bytes: a stream that ends early is filled up with zeros.
        """
        progress = progress or Progress(None)
        with self.member(name, size) as member:
            while data := stream.read(CHUNK if size is None else min(CHUNK, size - member.size)):
                member.write(data)
                progress.add(len(data))
            while size and member.size < size:
                member.write(bytes(min(CHUNK, size - member.size)))
        return member.size, member.sha256.hexdigest()

    @contextlib.contextmanager
    def member(self, name: str, size: int | None = None) -> Iterator["_Member"]:
        """Yield a stream whose `write` takes the bytes of a member; all at once or in parts."""
        begin = self._output.tell() if size is None else None
        self._output.write(make_header(name, size or 0, self._mtime, size is None))
        member = _Member(self._output)
        yield member
        self._output.write(bytes(padding(member.size)))
        if begin is not None:
            end = self._output.tell()
            self._output.seek(begin)
            self._output.write(make_header(name, member.size, self._mtime, True))
            self._output.seek(end)
        self._sums.write(sums_line(member.sha256.hexdigest(), name))


class _Member:
    """Counts and hashes a member on its way to the archive."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write bytes; returns how many."""
        self.sha256.update(data)
        self.size += len(data)
        return self._output.write(data)


class _SourceFile(io.FileIO):
    """A file that is read; its errors name it."""

    def read(self, size: int | None = -1) -> bytes:
        try:
            return super().read(size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.name) from error


def _open_regular(path: Path | str) -> _SourceFile:
    """Open a file for unbuffered reading; raises FileNotFoundError if it is no regular file."""
    try:
        stream = _SourceFile(path, opener=lambda name, flags: os.open(name, flags | NON_BLOCKING))
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return stream
        stream.close()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in NOT_A_FILE:
            raise
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


class _Header(tarfile.TarInfo):
    """A header that is accepted only if Camp could have written it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        is_pax = info.type == tarfile.XHDTYPE and info.size <= LARGEST_PAX_HEADER
        if not (info.type == tarfile.REGTYPE or is_pax):
            raise InvalidHeaderError("type")
        # tarfile ignores what follows the digits, and the checksum does not cover it.
        if info.size < 0 or buf[148:156] != b"%06o\0 " % info.chksum:
            raise InvalidHeaderError("checksum")
        return info

    def is_acceptable(self, stream: BinaryIO) -> bool:
        """Return whether the name is safe, and the extended header in `stream` Camp's."""
        if not (is_safe_path(self.name) and is_safe_path(self.name.partition("/")[2] or self.name)):
            return False
        length = self.offset_data - self.offset
        if length > BLOCK:
            stream.seek(self.offset)
            found = stream.read(length)[BLOCK:-BLOCK]
            made = make_header(self.name, self.size, 0, "size" in self.pax_headers)
            return self.size >= 0 and found == made[BLOCK:-BLOCK]
        return True


class _TarFile(tarfile.TarFile):
    """A tar that is read from a file."""

    fileobj: BinaryIO


class Reader:
    """Reads the archive at `path`; raises OSError where that fails."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.size = self.path.stat().st_size

    def manifest(self) -> dict[str, Any]:
        """Return the manifest, from the first member alone; its checksum is not verified."""
        with self._open() as tar:
            header = self._next(tar)
            if header is None or header.name != MANIFEST or header.size > LARGEST_MANIFEST:
                raise self._damaged(_("it does not begin with a manifest"))
            try:
                manifest = json.loads(tar.fileobj.read(header.size).decode())
                _format = manifest["format"], manifest["kind"]
            except (ValueError, TypeError, KeyError):
                raise self._damaged(_("its manifest cannot be read")) from None
        return manifest

    def refuse_wrong_manifest(self) -> None:
        """Raise Damaged if the manifest does not match its checksum.

        Reads the headers up to SHA256SUMS; does nothing if one of these is damaged.
        """
        with self._open() as tar:
            header = self._next(tar)
            if header is None:
                return
            digest = hashlib.sha256(tar.fileobj.read(header.size)).hexdigest()
            line = sums_line(digest, MANIFEST)
            try:
                while header and header.name != SUMS:
                    tar.fileobj.seek(header.offset_data + header.size + padding(header.size))
                    header = self._next(tar)
            except Damaged:
                return
            if header and tar.fileobj.read(len(line)) != line:
                raise self._damaged(_wrong_checksum(MANIFEST))

    def unpack(
        self,
        place: Callable[[str, int], Path | str | Sink | None],
        progress: Progress | None = None,
        on_hash: Callable[[str, str], object] | None = None,
    ) -> tuple[int, int]:
        """Read and verify the whole archive; returns (number of members, their bytes).

        `place(name, size)` is called for each member in order and returns where its bytes go:
        a path where nothing is yet, a binary stream, or None. `on_hash(name, SHA-256 in hex)`
        is called after each member. Trust what was written only after this has returned.
        Raises Damaged, OSError and what the callables raise.
        """
        progress = progress or Progress(None)
        count = total = 0
        # On the disk, since there may be millions.
        with self._open() as tar, contextlib.closing(sqlite3.connect("")) as sums:
            sums.execute("CREATE TABLE member (name TEXT PRIMARY KEY, digest TEXT)")
            while (header := self._next(tar)) is None or header.name != SUMS:
                if header is None:
                    raise self._damaged(_("its list of checksums is missing"))
                with _opened(place(header.name, header.size)) as target:
                    digest = self._copy(tar.fileobj, header.size, target, progress)
                sql = "INSERT OR IGNORE INTO member VALUES (?, ?)"
                if not sums.execute(sql, (header.name, digest)).rowcount:
                    raise self._damaged(_("it holds %(name)s twice") % {"name": header.name})
                if on_hash:
                    on_hash(header.name, digest)
                count, total = count + 1, total + header.size
            self._compare(tar.fileobj, header.size, sums)
        return count, total

    @contextlib.contextmanager
    def _open(self) -> Iterator[_TarFile]:
        """Yield a TarFile at its first header."""
        with self.path.open("rb", CHUNK) as stream:
            try:
                tar = _TarFile(fileobj=stream, tarinfo=_Header, errors="strict")
            except BAD_HEADER:
                raise self._damaged(_("it does not begin with a manifest")) from None
            stream.seek(0)  # TarFile has read the first header already
            yield tar

    def _next(self, tar: _TarFile) -> _Header | None:
        """Return the next header, or None at the end; raises Damaged."""
        header: _Header | None
        try:
            header = _Header.fromtarfile(tar)
        except EOFHeaderError:
            return None
        except (EmptyHeaderError, TruncatedHeaderError):
            raise self._damaged(_("it is cut off")) from None
        except BAD_HEADER:
            header = None
        if header is None or not header.is_acceptable(tar.fileobj):
            raise self._damaged(_("a header is not what was packed"))
        return header

    def _copy(self, source: BinaryIO, size: int, target: Sink | None, progress: Progress) -> str:
        """Copy a member and its padding; returns its SHA-256 in hex."""
        sha256 = hashlib.sha256()
        left = size
        while left:
            data = source.read(min(CHUNK, left))
            if not data:
                raise self._damaged(_("it is cut off"))
            sha256.update(data)
            if target:
                target.write(data)
            left -= len(data)
            progress.add(len(data))
        self._skip_padding(source, size)
        return sha256.hexdigest()

    def _skip_padding(self, source: BinaryIO, size: int) -> None:
        if source.read(padding(size)) != bytes(padding(size)):
            raise self._damaged(_("there is something between its members"))

    def _compare(self, source: BinaryIO, size: int, sums: sqlite3.Connection) -> None:
        """Compare SHA256SUMS, and the end behind it, with what was read; raises Damaged."""
        end = source.tell() + size
        for name, digest in sums.execute("SELECT * FROM member ORDER BY rowid"):
            line = source.readline(LARGEST_LINE)
            if line == sums_line(digest, name):
                continue
            if line[64:] != sums_line(digest, name)[64:]:
                sentence = _("its list of checksums does not fit its members at %(name)s")
                raise self._damaged(sentence % {"name": name})
            raise self._damaged(_wrong_checksum(name))
        if source.tell() != end:
            raise self._damaged(_("its list of checksums names more members than it has"))
        self._skip_padding(source, size)
        rest = source.read(len(END) + 1)
        if rest != END and END.startswith(rest):
            raise self._damaged(_("it is cut off"))
        if rest != END:
            raise self._damaged(_("there is something after its end"))

    def _damaged(self, why: str) -> Damaged:
        sentence = _("The archive %(file)s is damaged: %(why)s.")
        return Damaged(sentence % {"file": self.path, "why": why})


def _wrong_checksum(name: str) -> str:
    return _("%(name)s does not have the checksum that was noted") % {"name": name}


def _opened(target: Path | str | Sink | None) -> contextlib.AbstractContextManager[Sink | None]:
    """Return a context manager for where a member goes: a new file, a stream or None."""
    if isinstance(target, (str, os.PathLike)):
        return open(os.open(target, NEW_FILE, 0o600), "wb")
    return contextlib.nullcontext(target)
