"""Archives: read by others, and no byte of them changes unseen."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from camp.operations.backup.archive import (
    Damaged,
    Part,
    Reader,
    Writer,
    pipeline,
    remove_stale,
    writer,
)
from camp.operations.backup.archive import format as form

MANIFEST = b'{"format": 1, "kind": "native"}'
LONG = "files/" + "/".join(["東京の" * 12] * 12)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def small_buffers(monkeypatch):
    """Have members span many buffers."""
    monkeypatch.setattr(pipeline, "SIZE", 1536)
    monkeypatch.setattr(pipeline, "COUNT", 2)


@pytest.fixture
def one_buffer(monkeypatch):
    """Have a small archive fit into one small buffer: thousands are read."""
    monkeypatch.setattr(pipeline, "SIZE", 8192)


def pack(path, members, mtime=1_700_000_000):
    """Write an archive of {name: bytes}; returns its path."""
    with Writer(path, mtime) as archive:
        archive.add_bytes("manifest.json", MANIFEST)
        for name, content in members.items():
            archive.add_bytes(name, content)
    return path


def unpack(path):
    """Return {name: bytes} of an archive."""
    found = {}

    def place(name, size):
        found[name] = io.BytesIO()
        return found[name]

    Reader(path).unpack(place)
    return {name: stream.getvalue() for name, stream in found.items()}


def damage(path):
    """Return the sentence with which the archive is refused."""
    with pytest.raises(Damaged) as refused:
        Reader(path).verify()
    return str(refused.value)


def is_whole(path):
    """Return whether an archive passes."""
    try:
        Reader(path).verify()
    except Damaged:
        return False
    return True


def test_what_is_packed_comes_back(tmp_path, small_buffers):
    members = {
        "files/empty": b"",
        "files/block": b"b" * 512,
        "files/large": os.urandom(10_000),
        LONG: b"long",
        "files/line\nbreak\\": b"odd",
    }
    source = tmp_path / "source"
    source.write_bytes(members["files/large"])
    seen, hashed = [], {}
    with Writer(tmp_path / "a.tar", 1) as archive:
        archive.add_bytes("manifest.json", MANIFEST)
        for name, content in members.items():
            if name == "files/large":
                archive.add_file(name, source, on_hash=lambda *told: seen.append(told))
            else:
                archive.add_stream(name, io.BytesIO(content))
        archive.settle()
        assert seen == [(10_000, hashlib.sha256(members["files/large"]).hexdigest())]
    assert unpack(tmp_path / "a.tar") == {"manifest.json": MANIFEST} | members
    reader = Reader(tmp_path / "a.tar")
    assert reader.manifest() == {"format": 1, "kind": "native"}
    out = tmp_path / "out"
    out.mkdir()
    names = iter("abcdefg")
    told = reader.unpack(
        lambda name, size: out / next(names) if size > 100 else None, on_hash=hashed.__setitem__
    )
    assert told == (6, len(MANIFEST) + 10_519)
    assert [path.read_bytes() for path in sorted(out.iterdir())] == [
        members["files/block"],
        members["files/large"],
    ]
    assert hashed["files/large"] == seen[0][1]
    assert len(hashed) == 6


def test_the_same_members_make_the_same_bytes(tmp_path):
    one = pack(tmp_path / "1.tar", {"files/a": b"a", LONG: b"b"})
    other = pack(tmp_path / "2.tar", {"files/a": b"a", LONG: b"b"})
    assert one.read_bytes() == other.read_bytes()
    if os.name == "posix":
        assert one.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs coreutils")
def test_tar_and_sha256sum_read_it(tmp_path):
    members = {"files/a": b"a" * 700, LONG: b"b", "files/back\\slash\nline": b"c"}
    path = pack(tmp_path / "a.tar", members)
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(["tar", "xf", path], cwd=out, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=out, check=True)
    assert (out / LONG).read_bytes() == b"b"
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["manifest.json", *members, "SHA256SUMS"]
        assert {member.mtime for member in archive} == {1_700_000_000}


@pytest.mark.machine
def test_every_flipped_bit_is_found(tmp_path, one_buffer):
    path = pack(tmp_path / "a.tar", {"files/a": b"abc" * 171, "files/あ": b""})
    whole, missed = path.read_bytes(), []
    # Changed in place: to write it anew each time would wait for the disk.
    with path.open("r+b", buffering=0) as stream:
        for position, byte in enumerate(whole):
            stream.seek(position)
            stream.write(bytes([byte ^ 1 << position % 8]))
            if is_whole(path):
                missed.append(position)
            stream.seek(position)
            stream.write(bytes([byte]))
    assert missed == []
    assert is_whole(path)


@pytest.mark.machine
def test_every_cut_is_found(tmp_path, one_buffer):
    path = pack(tmp_path / "a.tar", {"files/a": b"abc" * 171, "files/あ": b""})
    size = path.stat().st_size
    with path.open("ab", buffering=0) as stream:
        for byte in range(256):
            stream.write(bytes([byte]))
            assert not is_whole(path), f"{byte} at the end"
            stream.truncate(size)
    assert is_whole(path)
    for length in reversed(range(size)):
        os.truncate(path, length)
        assert not is_whole(path), f"cut at {length}"


def test_members_that_are_missing_swapped_or_added_are_found(tmp_path):
    names = {"files/a": b"1", "files/b": b"2"}
    path = pack(tmp_path / "a.tar", names)
    whole = path.read_bytes()
    manifest, one, two = (whole[start : start + 1024] for start in (0, 1024, 2048))
    rest = whole[3072:]
    for content in (
        manifest + two + rest,
        manifest + two + one + rest,
        manifest + one + one + two + rest,
        manifest + one + two + bytes(512) + rest,
        manifest + one + two + rest[1024:],
        one + two + rest,
    ):
        path.write_bytes(content)
        damage(path)
    path.write_bytes(whole)
    assert Reader(path).verify() == (3, len(MANIFEST) + 2)


def test_the_sentence_names_what_is_damaged(tmp_path):
    path = pack(tmp_path / "a.tar", {"files/a": b"1"})
    content = bytearray(path.read_bytes())
    content[1024 + 512] ^= 1
    path.write_bytes(content)
    assert damage(path) == (
        f"The archive {path} is damaged: files/a does not have the checksum that was noted."
    )
    os.truncate(path, 1300)
    assert damage(path) == f"The archive {path} is damaged: it is cut off."
    path.write_bytes(b"")
    with pytest.raises(Damaged, match="damaged"):
        Reader(path).manifest()


@pytest.mark.parametrize(
    "name",
    [
        *["../up", "/root", "files/../up", "files/..\\up", "files//root", "files/C:/x", "a/"],
        *["files/C:\\x", "files/.hidden", "files/./same", "files/\\\\host\\share", ".hidden"],
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    damage(pack(tmp_path / "a.tar", {name: b""}))


def test_sizes_beyond_8_gib_fit_into_a_header():
    for size in (8 * 2**30 - 1, 8 * 2**30, 5 * 2**40):
        block = form.header("files/a", size, 1)
        assert tarfile.TarInfo.frombuf(block, "utf-8", "strict").size == size
        assert form.parse(block)[1] == size


def test_what_is_no_file_is_not_packed(tmp_path):
    with Writer(tmp_path / "a.tar", 1) as archive:
        archive.add_bytes("manifest.json", MANIFEST)
        paths = [tmp_path, tmp_path / "none", tmp_path / ("x" * 300), tmp_path / "a.tar.part" / "x"]
        if hasattr(os, "mkfifo"):
            os.mkfifo(tmp_path / "pipe")
            paths.append(tmp_path / "pipe")
        for path in paths:
            with pytest.raises(FileNotFoundError):
                archive.add_file("files/x", path)
    assert list(unpack(tmp_path / "a.tar")) == ["manifest.json"]


def test_a_file_that_shrinks_is_filled_up(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(b"short")
    grown = SimpleNamespace(st_mode=source.stat().st_mode, st_size=1000)
    with Writer(tmp_path / "a.tar", 1) as archive:
        archive.add_bytes("manifest.json", MANIFEST)
        with monkeypatch.context() as patch:
            patch.setattr(writer.os, "fstat", lambda descriptor: grown)
            assert archive.add_file("files/a", source) == 1000
    assert unpack(tmp_path / "a.tar")["files/a"] == b"short" + bytes(995)


def test_an_archive_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), Writer(tmp_path / "a.tar", 1) as archive:
        archive.add_file("files/a", tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    import resource

    source = tmp_path / "source"
    source.write_bytes(bytes(20 * 2**20))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 2**20, limits[1]))
    try:
        with pytest.raises(OSError, match="large"), Writer(tmp_path / "a.tar", 1) as archive:
            archive.add_file("files/a", source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == [source]


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "a.tar"
    with Writer(path, 1) as archive:
        with pytest.raises(FileExistsError):
            Writer(path, 1)
        remove_stale(tmp_path)
        archive.add_bytes("manifest.json", MANIFEST)
    with pytest.raises(FileExistsError):
        Writer(path, 1)
    assert Reader(path).verify() == (1, len(MANIFEST))


def test_what_a_killed_process_left_is_removed(tmp_path):
    code = (
        "import os, sys; from camp.fs.atomic import Part; "
        "Part(sys.argv[1]).write(b'x'); "
        "print('written', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "a.tar"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        process.stdout.readline()
        remove_stale(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["a.tar.part"]
        process.kill()
    remove_stale(tmp_path, "b*")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.tar.part"]
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_is_finished_has_its_name(tmp_path):
    with Part(tmp_path / "x.sql") as part:
        part.write(b"SELECT 1;")
        assert not (tmp_path / "x.sql").exists()
    part.discard()
    assert (tmp_path / "x.sql").read_bytes() == b"SELECT 1;"


def test_memory_does_not_grow_with_the_files(tmp_path, small_buffers):
    source = tmp_path / "source"
    source.write_bytes(bytes(1000))

    def peak(count):
        tracemalloc.start()
        try:
            path = tmp_path / f"{count}.tar"
            with Writer(path, 1) as archive:
                for number in range(count):
                    archive.add_file(f"files/{number}", source)
            Reader(path).verify()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(2000) < peak(200) + 2**20
