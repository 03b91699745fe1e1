"""The archive format: readable by tar, and no damage goes unseen."""

import hashlib
import io
import json
import lzma
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from camp.fs.atomic import AtomicFile, remove_stale, replace_file
from camp.fs.filenames import is_safe_path
from camp.operations.backup.archive import (
    END,
    SUMS,
    Damaged,
    Reader,
    Writer,
    make_header,
    sums_line,
)

MANIFEST = b'{"format": 1, "kind": "native"}'
LONG = "files/" + "/".join(["東京の" * 12] * 12)
ROOT = Path(__file__).resolve().parents[3]
OLD_ARCHIVES = sorted((Path(__file__).parent / "old_archives").glob("*.tar.xz"))
BLOCK = tarfile.BLOCKSIZE

pytestmark = pytest.mark.machine


def pack(path, members):
    """Write an archive of {name: bytes}; returns its path."""
    with Writer(path, 1_700_000_000) as archive:
        for name, content in ({"manifest.json": MANIFEST} | members).items():
            archive.add_bytes(name, content)
    return path


def pack_with_tarfile(path, *members):
    """Write a whole archive of any members, as a stranger would; returns its path."""
    sums = b""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for member in [("manifest.json", MANIFEST), *members]:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                sums += sums_line(hashlib.sha256().hexdigest(), member.name)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            sums += sums_line(hashlib.sha256(content).hexdigest(), name)
        info = tarfile.TarInfo(SUMS)
        info.size = len(sums)
        tar.addfile(info, io.BytesIO(sums))
        end = tar.fileobj.tell()
    with path.open("r+b") as stream:
        stream.truncate(end + len(END))
    return path


def unpack(path):
    """Return {name: bytes} of an archive."""
    found = {}

    def place(name, size):
        found[name] = io.BytesIO()
        return found[name]

    Reader(path).unpack(place)
    return {name: stream.getvalue() for name, stream in found.items()}


def verify(path):
    """Read a whole archive; returns (number of members, their bytes)."""
    return Reader(path).unpack(lambda name, size: None)


def refusal(path):
    """Return the sentence with which the archive is refused."""
    with pytest.raises(Damaged) as refused:
        verify(path)
    return str(refused.value)


def is_refused(path):
    try:
        verify(path)
    except Damaged:
        return True
    return False


def members_of_all_kinds():
    chance = random.Random(1)
    return {
        "files/empty": b"",
        "files/block": b"b" * BLOCK,
        "files/large": chance.randbytes(3_000_000),
        LONG: b"long",
        "files/line\nbreak\\": b"odd",
    }


def test_what_is_packed_comes_back(tmp_path):
    members = members_of_all_kinds()
    source = tmp_path / "source"
    source.write_bytes(members["files/large"])
    with Writer(tmp_path / "a.tar", 1) as archive:
        archive.add_bytes("manifest.json", MANIFEST)
        for name, content in members.items():
            digest = hashlib.sha256(content).hexdigest()
            if name == "files/large":
                assert archive.add_file(name, source) == (len(content), digest)
            else:
                assert archive.add_stream(name, io.BytesIO(content)) == (len(content), digest)
        with archive.member("late") as member:
            member.write(b"in two ")
            member.write(b"parts")
    assert unpack(tmp_path / "a.tar") == {
        "manifest.json": MANIFEST,
        **members,
        "late": b"in two parts",
    }
    reader, hashes = Reader(tmp_path / "a.tar"), {}
    assert reader.manifest() == {"format": 1, "kind": "native"}
    target = tmp_path / "target"
    count, size = reader.unpack(
        lambda name, size: target if name == "files/large" else None, on_hash=hashes.__setitem__
    )
    assert (count, size) == (7, len(MANIFEST) + sum(map(len, members.values())) + 12)
    assert target.read_bytes() == members["files/large"]
    assert hashes["files/large"] == hashlib.sha256(members["files/large"]).hexdigest()
    if os.name == "posix":
        assert (tmp_path / "a.tar").stat().st_mode & 0o777 == 0o600


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
        assert archive.getnames() == ["manifest.json", *members, SUMS]
        assert {member.mtime for member in archive} == {1_700_000_000}


def test_every_flipped_bit_is_found(tmp_path):
    path = tmp_path / "a.tar"
    with Writer(path, 1) as archive:
        archive.add_bytes("manifest.json", MANIFEST)
        archive.add_bytes("files/あ", b"abc" * 171)
        archive.add_stream("late", io.BytesIO())
    whole = path.read_bytes()
    # Of the zeros that fill up blocks some are enough.
    empty = re.compile(rb"(?<=\0{9})\0+")
    skipped = {at for found in empty.finditer(whole) for at in range(*found.span()) if at % 9}
    for position in sorted(set(range(len(whole))) - skipped):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        assert is_refused(path), f"bit at {position}"


def test_every_cut_and_every_addition_is_found(tmp_path):
    path = pack(tmp_path / "a.tar", {"files/a": b"abc" * 171, "files/あ": b""})
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        assert is_refused(path), f"cut at {length}"
    for addition in (b"\0", b"x", bytes(BLOCK), whole):
        path.write_bytes(whole + addition)
        assert is_refused(path), f"{len(addition)} bytes added"
    path.write_bytes(whole)
    assert not is_refused(path)


def test_members_that_are_missing_swapped_or_added_are_found(tmp_path):
    path = pack(tmp_path / "a.tar", {"files/a": b"1", "files/b": b"2"})
    whole = path.read_bytes()
    manifest, one, two = (whole[start : start + 1024] for start in (0, 1024, 2048))
    rest = whole[3072:]
    for content in (
        manifest + two + rest,
        manifest + two + one + rest,
        manifest + one + one + two + rest,
        manifest + one + two + bytes(BLOCK) + rest,
        manifest + one + two + rest[1024:],
        one + two + rest,
    ):
        path.write_bytes(content)
        refusal(path)
    path.write_bytes(whole)
    assert verify(path) == (3, len(MANIFEST) + 2)


def test_the_sentence_names_what_is_damaged(tmp_path):
    path = pack(tmp_path / "a.tar", {"files/a": b"1"})
    content = bytearray(path.read_bytes())
    content[1024 + BLOCK] ^= 1
    path.write_bytes(content)
    assert refusal(path) == (
        f"The archive {path} is damaged: files/a does not have the checksum that was noted."
    )
    os.truncate(path, 1300)
    assert refusal(path) == f"The archive {path} is damaged: it is cut off."
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
    assert "a header is not what was packed" in refusal(pack(tmp_path / "a.tar", {name: b""}))
    assert not is_safe_path(name) or not is_safe_path(name.partition("/")[2])


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = pack_with_tarfile(tmp_path / "a.tar", ("files/a", b"1"))
    assert not is_refused(path)
    path = pack_with_tarfile(tmp_path / "b.tar", ("files/a", b"1"), ("files/a", b"1"))
    assert "it holds files/a twice" in refusal(path)


@pytest.mark.parametrize(
    "kind",
    [
        *[tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
        *[tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XGLTYPE, b"7"],
    ],
)
def test_what_is_no_regular_file_is_refused(tmp_path, kind):
    info = tarfile.TarInfo("files/a")
    info.type, info.linkname = kind, "/etc/passwd"
    path = pack_with_tarfile(tmp_path / "a.tar", info)
    assert "a header is not what was packed" in refusal(path)


@pytest.mark.parametrize(
    "headers",
    [
        *[{"path": "/etc/passwd"}, {"linkpath": "/etc/passwd"}, {"size": "-1"}],
        *[{"GNU.sparse.map": "0,1", "GNU.sparse.size": "1"}, {"path": "x" * 10_000}],
    ],
)
def test_extended_headers_that_camp_does_not_write_are_refused(tmp_path, headers):
    info = tarfile.TarInfo("files/a")
    info.pax_headers = headers
    refusal(pack_with_tarfile(tmp_path / "a.tar", info))


def test_extended_headers_without_end_are_refused(tmp_path):
    path = pack(tmp_path / "a.tar", {LONG: b""})
    whole = path.read_bytes()
    extended = whole[1024 : 1024 + 3 * BLOCK]
    path.write_bytes(whole[:1024] + extended * 3000 + whole[1024:])
    assert "a header is not what was packed" in refusal(path)


def test_sizes_beyond_8_gib_fit_into_a_header():
    for size in (8 * 2**30 - 1, 8 * 2**30, 5 * 2**40):
        for is_late in (False, True):
            header = io.BytesIO(make_header("files/a", size, 1, is_late))
            assert tarfile.TarFile(fileobj=header).firstmember.size == size


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


def test_a_file_that_shrinks_is_filled_up_and_one_that_grows_is_cut(tmp_path):
    with Writer(tmp_path / "a.tar", 1) as archive:
        archive.add_bytes("manifest.json", MANIFEST)
        assert archive.add_stream("files/a", io.BytesIO(b"short"), 1000)[0] == 1000
        assert archive.add_stream("files/b", io.BytesIO(b"longer"), 3)[0] == 3
    found = unpack(tmp_path / "a.tar")
    assert found["files/a"] == b"short" + bytes(995)
    assert found["files/b"] == b"lon"


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
    assert verify(path) == (1, len(MANIFEST))


def test_what_a_killed_process_left_is_removed(tmp_path):
    code = (
        "import sys; from camp.fs.atomic import AtomicFile; file = AtomicFile(sys.argv[1]); "
        "file.stream.write(b'x'); file.stream.flush(); print('written', flush=True); "
        "sys.stdin.read()"
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


def test_an_atomic_file_has_its_name_once_it_is_finished(tmp_path):
    with AtomicFile(tmp_path / "x.sql") as file:
        file.stream.write(b"SELECT 1;")
        assert not (tmp_path / "x.sql").exists()
    file.discard()
    assert (tmp_path / "x.sql").read_bytes() == b"SELECT 1;"


def test_a_small_file_is_replaced_or_left_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "state"
    replace_file(path, b"old")
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    replace_file(path, b"new", mode=0o644)
    assert path.read_bytes() == b"new"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o644

    def fail(*paths):
        raise OSError("no")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no"):
        replace_file(path, b"newer")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"new"]


def test_memory_does_not_grow_with_the_files(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(bytes(1000))

    def peak(count):
        tracemalloc.start()
        try:
            path = tmp_path / f"{count}.tar"
            with Writer(path, 1) as archive:
                for number in range(count):
                    archive.add_file(f"files/{number}", source)
            verify(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(2000) < peak(200) + 2**20


@pytest.mark.parametrize("compressed", OLD_ARCHIVES, ids=lambda path: path.name)
def test_archives_of_camp_0_1_are_verified(tmp_path, compressed):
    path = tmp_path / "old.tar"
    whole = lzma.decompress(compressed.read_bytes())
    path.write_bytes(whole)
    reader = Reader(path)
    count, size = verify(path)
    assert reader.manifest()["camp"] == "0.1.0"
    with tarfile.open(path) as tar:
        members = tar.getmembers()
    assert count == len(members) - 1
    assert size == sum(member.size for member in members[:-1])
    assert json.loads(unpack(path)["manifest.json"])["files"] == {"count": 4, "bytes": 796}
    chance = random.Random(compressed.name)
    for member in chance.choices(members, k=25):
        for begin, end in ((-BLOCK, 0), (0, member.size)):
            position = member.offset_data + chance.randrange(begin, max(end, begin + 1))
            damaged = bytearray(whole)
            damaged[position] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
            assert is_refused(path) or not member.size, f"{member.name}: bit at {position}"
