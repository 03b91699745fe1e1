"""Disks that are full, or read-only, for bench/faults.py: what people are told then."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

HEADINGS = ("disk", "sent by", "answer", "what Camp says (en)", "(ja)", "afterwards")
MIB = 2**20
ROOM = 48 * MIB


def cases(kind, folder, begin):
    """Return the rows of the table; `kind` is a server that can be asked."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return [("needs root on Linux, to mount disks", "", "", "", "", "skipped")]
    found = []
    for name, prepare, recover in (
        ("full", fill, empty),
        ("read-only", lambda disk: remount(disk, "ro"), lambda disk: remount(disk, "rw")),
    ):
        with small_disk(folder / name) as disk:
            place = folder / f"camp-{name}"
            place.mkdir()
            server = kind(place)
            server.settings = {"LOCAL_STORAGE_PATH": str(disk / "files")}
            server.start()
            try:
                found += one(name, server, disk, prepare, recover, begin)
            finally:
                server.stop()
    return found


@contextlib.contextmanager
def small_disk(folder):
    """Mount a disk of 48 MiB at `folder`; yields it."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk):
    """Leave next to no room."""
    with contextlib.suppress(OSError), (disk / "filler").open("wb") as stream:
        while True:
            stream.write(bytes(4096))
            stream.flush()


def empty(disk):
    """Give the room back."""
    Path(disk, "filler").unlink()


def remount(disk, mode):
    """Have the disk take no bytes, or take them again."""
    subprocess.run(["mount", "-o", f"remount,{mode}", disk], check=True)


def one(name, server, disk, prepare, recover, begin):
    """Return the rows of one kind of disk."""
    kept, large = os.urandom(3 * MIB), os.urandom(6 * MIB)
    post = {"Accept": "application/json"}
    _status, _headers, body = server.form("/files/upload/", {"kept.bin": kept}, **post)
    address = json.loads(body)["files"][0]["url"]
    path = begin(server, "cut.bin", large)[1]["Location"].split("/", 3)[3]
    server.tus("PATCH", f"/{path}", large[: 2 * MIB], Upload_Offset="0")
    prepare(disk)

    def form(language):
        told = {**post, "Accept-Language": language}
        status, _headers, body = server.form("/files/upload/", {"new.bin": large}, **told)
        return status, json.loads(body)["errors"][0]["message"]

    def rest(language):
        offset = server.tus("HEAD", f"/{path}")[1]["Upload-Offset"]
        status, _headers, body = server.tus(
            *("PATCH", f"/{path}", large[int(offset) :]),
            Upload_Offset=offset,
            Accept_Language=language,
        )
        return status, body.decode().strip()

    def new(language):
        told = {"Upload_Length": "3", "Upload_Metadata": "", "Accept_Language": language}
        status, _headers, body = server.tus("POST", "/uploads/", b"new", **told)
        return status, body.decode().strip()

    answers = []
    for way, act in (("form", form), ("tus, going on", rest), ("tus, small", new)):
        (status, english), (_same, japanese) = act("en"), act("ja")
        answers.append((name, way, status, english, japanese))
    readable = server.ask("GET", f"{address}download/")[2] == kept
    listed = server.ask("GET", "/files/")[0] == 200
    recover(disk)
    there = int(server.tus("HEAD", f"/{path}")[1]["Upload-Offset"])
    done = server.tus("PATCH", f"/{path}", large[there:], Upload_Offset=str(there))
    got = server.ask("GET", f"{done[1]['Camp-File']}download/")[2]
    fine = readable and listed and there >= 2 * MIB and got == large
    fine = fine and server.ask("GET", f"{address}download/")[2] == kept
    return [(*row, "all there, the upload went on" if fine else "**lost**") for row in answers]
