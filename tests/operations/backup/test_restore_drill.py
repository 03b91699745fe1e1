"""A restore drill: archives damaged in one place, full disks, kills; the place stays as it was."""

import json
import os
import random
import sys
import tarfile
from itertools import count, pairwise

import pytest
from django.conf import settings as camp_settings
from django.db import connection

from camp.models import Instance
from camp.operations.backup.archive import END
from camp.operations.server import processes
from files.models import File
from tests.operations.backup import places, test_swap

pytest_plugins = ["tests.operations.backup.place_fixtures"]

pytestmark = pytest.mark.slow
# Damages that are found in the fresh database, beside "too many rows".
LATE = {
    *("packed without vanished.jsonl", "packed without differing.jsonl", "a table untold"),
    *("a table that is not there", "too many files", "other bytes", "a file of nobody's"),
    "remarks that say nothing",
}
FLIPS, HEADERS, CUTS = 10, 5, 7
BLOCK = tarfile.BLOCKSIZE


def spans(path):
    """Yield (name, begin, end) of each member in an archive's file: its header and its content."""
    with tarfile.open(path) as tar:
        for member in tar:
            yield member.name, member.offset_data - BLOCK, member.offset_data + member.size
    yield "end", path.stat().st_size - len(END), path.stat().st_size


def flipped(path, chance):
    """Yield (what, damage) for bits of each member's header or content."""
    named = list(spans(path))
    for name, begin, end in [*named, *chance.choices(named, k=FLIPS)]:
        position = chance.randrange(begin, end)
        yield f"{name}: bit at {position}", lambda copy, at=position: places.flip(copy, at)
    for name, begin, _end in chance.sample(named[:-1], HEADERS):
        position = begin + chance.randrange(BLOCK)
        yield f"{name}: header at {position}", lambda copy, at=position: places.flip(copy, at)


def cut(path, chance):
    size = path.stat().st_size
    for length in [0, 1, BLOCK, size - 1, size - BLOCK, *chance.sample(range(size), CUTS - 5)]:
        yield f"cut at {length}", lambda copy, at=length: os.truncate(copy, at)
    yield "longer", lambda copy: copy.open("ab").write(b"\0" * BLOCK)


def incomplete(path):
    """Yield archives that lack a member: with their checksums as they were, or made anew."""
    content = path.read_bytes()
    with tarfile.open(path) as tar:
        begins = [(member.name, member.offset) for member in tar]
    for (name, begin), (_next, end) in pairwise([*begins, ("end", len(content) - len(END))]):
        rest = content[:begin] + content[end:]
        yield f"without {name}", lambda copy, rest=rest: copy.write_bytes(rest)
    named = places.members(path)
    stored = [name for name in named if name.startswith("files/")]
    for name in named.keys() - {"manifest.json", *stored[1:]}:
        changed = {name: None}
        yield f"packed without {name}", lambda copy, all=changed: places.repack(copy, all)


def misleading(path):
    """Yield archives that are whole, whose manifest or rows do not fit what is in them."""
    told = places.manifest(path)
    tables = told["counts"]
    for word, wrong in {
        "too many rows": {"counts": tables | {"sample_files": tables["sample_files"] + 1}},
        "a table that is not there": {"counts": tables | {"nothing": 0}},
        "a table untold": {"counts": {"sample_users": 1}},
        "too many files": {"files": told["files"] | {"count": 7}},
        "no files": {"files": None},
        "no time": {"made_at": "soon"},
        "no counts": {"counts": None},
        "another kind": {"kind": "better"},
    }.items():
        text = json.dumps(told | wrong).encode()
        yield word, lambda copy, text=text: places.repack(copy, {"manifest.json": text})
    stored = next(name for name in places.members(path) if name.startswith("files/"))
    for word, wrong in {
        "other bytes": {stored: b"other bytes"},
        "a file of nobody's": {"files/zz/zz/zz": b"1"},
        "a member of nobody's": {"surprise": b"1"},
        "no database": {name: b"" for name in places.members(path) if name.startswith("database")},
        "remarks that say nothing": {"vanished.jsonl": b"{}\n"},
    }.items():
        yield word, lambda copy, wrong=wrong: places.repack(copy, wrong)


def test_no_damaged_archive_changes_anything(place, archive, settings):
    chance = random.Random(20261124)
    damages = [*flipped(archive, chance), *cut(archive, chance), *incomplete(archive)]
    damages += misleading(archive)
    if connection.vendor == "postgresql":
        # To make a database takes long there, and what is found then is the same.
        damages = [damage for damage in damages if damage[0] not in LATE]
    else:
        assert len(damages) >= 50
    whole, before = archive.read_bytes(), places.digest()
    for what, damage in damages:
        archive.write_bytes(whole)
        damage(archive)
        if archive.read_bytes() == whole:
            raise AssertionError(f"{what} damaged nothing")
        told = places.refusal(archive, "--no-backup")
        assert "nothing was" in told.lower(), f"{what}: {told}"
        assert (places.tree(settings.LOCAL_STORAGE_PATH), places.leftovers()) == before[1:], what
    assert places.digest() == before
    archive.write_bytes(whole)
    File.objects.all().delete()
    places.restore(archive, "--no-backup")
    Instance.objects.update(restored="")
    assert places.digest() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_disk_that_is_full_half_way_changes_nothing(place, archive):
    import resource

    before = places.digest()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (10, 1000, 60_000, 250_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            told = places.refusal(archive, "--no-backup")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "Nothing was changed" in told, told
        assert places.digest() == before
    places.restore(archive, "--no-backup")


@pytest.mark.fault
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_a_restore_that_is_killed_changes_nothing_or_everything(place, archive, settings):
    stored = list_stored()
    lost, damaged = File.objects.exclude(size=0)[:2]
    (settings.LOCAL_STORAGE_PATH / lost.storage_path).unlink()
    (settings.LOCAL_STORAGE_PATH / damaged.storage_path).write_bytes(b"other bytes")
    for step in count(1):
        File.objects.update(filename="renamed")
        rows, before = places.digest()[0], list_stored()
        if not killed_at(step, archive):
            break
        after = list_stored()
        if File.objects.filter(filename="renamed").exists():
            assert places.digest()[0] == rows
            assert after.items() >= before.items(), step  # and new ones, which the sweep removes
        else:
            paths = File.objects.values_list("storage_path", flat=True)
            assert {after[path] for path in paths} == {*stored.values()}, step
    assert step > 8
    assert not File.objects.filter(filename="renamed").exists()
    assert {*places.tree(settings.LOCAL_STORAGE_PATH).values()} == {*stored.values()}  # no more
    only = [place] if connection.vendor == "postgresql" else []
    assert places.leftovers() == ([], only)


def list_stored():
    """Return {path: checksum} of what is in the storage, but not what is only staged."""
    tree = places.tree(camp_settings.LOCAL_STORAGE_PATH)
    return {path: sha256 for path, sha256 in tree.items() if not path.startswith(".staging")}


def killed_at(step, archive):
    """Restore in a process of its own, killed at a step; returns whether it got that far."""
    connection.close()
    processes.unregister()  # the child must be alone
    child = os.fork()
    if not child:
        try:
            left = count(1)
            for module, name in test_swap.steps():
                setattr(module, name, test_swap.killing(getattr(module, name), left, step))
            places.restore(archive, "--no-backup")
            os._exit(0)
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
