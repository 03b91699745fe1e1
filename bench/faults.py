#!/usr/bin/env python3
"""Whether Camp loses anything when it is killed, when its disk is full, or read-only.

    .venv/bin/python bench/faults.py [--uploads 200] [--seed 1] [--folder /var/tmp]

Again and again four people upload one after the other: forms with two files, tus uploads
in pieces, small ones that come whole, and new contents of a file. At a random moment the
server is killed with SIGKILL, with all its processes, which cuts the four that are under
way (--uploads counts these), and started again. Then every offset that was acknowledged
must still be there, the cut tus upload is finished, and in the end each row's bytes are
hashed and compared with what was sent. With DATABASE_URL naming an
empty PostgreSQL database Camp runs on that too. As root on Linux it then mounts small disks
that are full, or read-only, and tells what people are told. Prints Markdown tables, keeps
nothing, and exits with 1 if anything was lost.
"""

import argparse
import base64
import hashlib
import http.client
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import faults_disk
import psutil
from transfer_servers import Camp, CampOnPostgreSQL, manage

# Bytes of a request; more than a few go past the system's cache, from wherever the last one ended.
PIECES = (2**20, 8 * 2**20)
BODY = "application/offset+octet-stream"
BOUNDARY = "----camp-faults"
ROWS = """
import json
from files.models import File, Upload, Version
fields = ("pk", "filename", "size", "sha256", "storage_path")
kept = [list(row) for row in File.objects.values_list(*fields)]
past = [list(row) for row in Version.objects.values_list("file", *fields[1:])]
print(json.dumps([kept, past, Upload.objects.filter(file=None).count()]))
"""


class Victim:
    """Camp that can be killed; mixed into the servers of the comparison."""

    def die(self):
        """Kill it with all its processes, and wait for that."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # One that is not gone yet still takes connections.
        psutil.wait_procs(children, timeout=20)

    def live(self):
        """Start it again."""
        self.run([*manage("up"), "--port", str(self.port)], env=self.environment)

    def ask(self, method, path, body=None, **headers):
        """Return (status, headers, body) of an answer; raises OSError, HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {**self.headers(), **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def form(self, path, files, **headers):
        """Post files ({name: bytes}) as a form."""
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; '
            f'filename="{name}"\r\n\r\n'.encode()
            + content
            for name, content in files.items()
        ]
        body = b"\r\n".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.ask("POST", path, body, **{"Content-Type": kind, **headers})

    def tus(self, method, path, body=None, **headers):
        """Send a request of tus; header names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named["Content-Type"] = BODY
        return self.ask(method, path, body, **{"Tus-Resumable": "1.0.0", **named})

    def rows(self):
        """Return the files, the earlier versions and the number of unfinished uploads."""
        command = manage("shell", "-v", "0", "-c", ROWS)
        done = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])


class OnSQLite(Victim, Camp):
    """Camp on SQLite."""

    name = "SQLite"


class OnPostgreSQL(Victim, CampOnPostgreSQL):
    """Camp on PostgreSQL."""

    name = "PostgreSQL"


@dataclass
class RelatedCount:
    """What was sent, and what went wrong."""

    server: Victim
    chance: random.Random
    sent: dict = field(default_factory=dict)  # name: SHA-256 of each content it ever had
    known: set = field(default_factory=set)  # names of which the server said that it has them
    safe: dict = field(default_factory=dict)  # original: SHA-256 of what it had for sure
    uploads: int = 0
    cut: int = 0
    lost: list = field(default_factory=list)

    def content(self, name, most=12 * 2**20):
        """Return new random bytes for a name, more of them small than large."""
        size = int(most ** self.chance.uniform(0.6, 1))
        content = self.chance.randbytes(size)
        self.sent.setdefault(name, []).append(hashlib.sha256(content).hexdigest())
        return content


def send_form(tally, number):
    """Send a form with two files."""
    names = [f"form {number} {each}.bin" for each in "ab"]
    files = {name: tally.content(name) for name in names}
    if tally.server.form("/files/upload/", files, Accept="application/json")[0] == 201:
        tally.known.update(names)


def send_whole(tally, number):
    """Send a small file by tus with one request."""
    name = f"whole {number}.bin"
    content = tally.content(name, 2**18)
    if begin(tally.server, name, content, content)[0] == 201:
        tally.known.add(name)


class Resumed:
    """A tus upload in pieces, and what was acknowledged of it."""

    def __init__(self, tally, number):
        self.tally, self.name = tally, f"tus {number}.bin"
        self.bytes = tally.content(self.name) + tally.chance.randbytes(2**18)
        tally.sent[self.name] = [hashlib.sha256(self.bytes).hexdigest()]
        self.path, self.acknowledged = "", 0
        self.piece = tally.chance.choice(PIECES)

    def send(self):
        """Send all that the server does not have."""
        server = self.tally.server
        if not self.path:
            self.path = begin(server, self.name, self.bytes)[1]["Location"].split("/", 3)[3]
            self.path = f"/{self.path}"
        while self.acknowledged < len(self.bytes):
            offset = self.acknowledged
            piece = self.bytes[offset : offset + self.piece]
            answer = server.tus("PATCH", self.path, piece, Upload_Offset=str(offset))
            if answer[0] != 204:
                self.tally.lost.append(f"{self.name}: {answer[0]}")
                return
            self.acknowledged = int(answer[1]["Upload-Offset"])
        self.tally.known.add(self.name)

    def go_on(self):
        """After a restart, see that nothing acknowledged is missing, and finish."""
        if self.path:
            status, headers, _body = self.tally.server.tus("HEAD", self.path)
            offset = int(headers.get("Upload-Offset", -1))
            if status != 200 or offset < self.acknowledged:
                self.tally.lost.append(f"{self.name}: {offset} of {self.acknowledged} bytes")
                return
            self.acknowledged = offset
        self.send()


def replace(tally, number, original):
    """Replace the file `original` (its number and name), by the form or by tus."""
    pk, name = original
    by_form = tally.chance.random() < 0.5
    content = tally.content(name, 12 * 2**20 if by_form else 2**18)
    if by_form:
        status = tally.server.form(f"/files/{pk}/replace/", {name: content})[0]
    else:
        status = begin(tally.server, name, content, content, replaces=str(pk))[0]
    if status in (201, 302):
        tally.safe[name] = tally.sent[name][-1]


def begin(server, name, content, body=None, **metadata):
    """Begin a tus upload, with `body` at once if given."""
    pairs = {"filename": name, **metadata}
    told = ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )
    length = str(len(content))
    return server.tus("POST", "/uploads/", body, Upload_Length=length, Upload_Metadata=told)


def one_life(tally, life, original):
    """Have four people upload, kill the server at a random moment, and go on."""
    last, numbers = [], itertools.count()

    def resume(tally, number):
        last[:] = [Resumed(tally, number)]
        last[0].send()

    def exchange(tally, number):
        replace(tally, number, original)

    def run(act):
        try:
            while True:
                act(tally, f"{life} {next(numbers)}")
                tally.uploads += 1
        except (OSError, http.client.HTTPException):
            tally.cut += 1

    acts = (send_form, send_whole, resume, exchange)
    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    threading.Event().wait(tally.chance.uniform(0.05, 1.5))
    tally.server.die()
    for thread in threads:
        thread.join()
    tally.server.live()
    last[0].go_on()


def checked(tally):
    """Return (rows, rows without their bytes, partials or wrong bytes, originals lost, missing)."""
    kept, past, _unfinished = tally.server.rows()
    storage = tally.server.data / "files"
    hollow = wrong = 0
    contents = {}
    for pk, name, size, checksum, path in [*kept, *past]:
        contents.setdefault(pk, set()).add(checksum)
        try:
            with (storage / path).open("rb") as stream:
                real = hashlib.file_digest(stream, "sha256").hexdigest()
                whole = stream.tell() == size
        except OSError:
            hollow += 1
            continue
        wrong += not (whole and real == checksum and checksum in tally.sent.get(name, ()))
    names = {name for _pk, name, *_rest in kept}
    missing = len(tally.known - names)
    originals = len(tally.safe) - sum(
        tally.safe.get(name) in contents[pk] for pk, name, *_rest in kept
    )
    return len(kept), hollow, wrong, originals, missing


def kills(server, options):
    """Run the uploads with a server; returns the row of the table."""
    tally = RelatedCount(server, random.Random(options.seed))
    for number in range(options.uploads // 4):
        name = f"original {number}.bin"
        _status, _headers, body = server.form(
            "/files/upload/", {name: tally.content(name)}, Accept="application/json"
        )
        [file] = json.loads(body)["files"]
        tally.safe[name] = tally.sent[name][0]
        print(f"{server.name}: life {number + 1}", file=sys.stderr)
        one_life(tally, number, (file["id"], name))
    rows, hollow, wrong, originals, missing = checked(tally)
    for each in tally.lost:
        print(each, file=sys.stderr)
    lives = options.uploads // 4
    cells = (server.name, lives, tally.cut, tally.uploads, rows, hollow, wrong, originals)
    return (*cells, missing, len(tally.lost))


HEADINGS = (
    *("database", "kill -9", "uploads cut by it", "others", "rows in the end"),
    "rows without bytes",
    *("partial or wrong", "originals lost", "acknowledged files lost"),
    "tus: acknowledged bytes lost",
)


def table(headings, rows):
    """Return Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main():
    """Run it all, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--folder", type=Path, help="where to put the data; needs 5 GB")
    options = parser.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    rows, disks = [], []
    with tempfile.TemporaryDirectory(prefix="camp-faults-", dir=options.folder) as folder:
        for kind in (OnSQLite, OnPostgreSQL):
            if kind is OnPostgreSQL and not kind.database:
                continue
            place = Path(folder, kind.__name__)
            place.mkdir()
            server = kind(place)
            server.start()
            try:
                if options.uploads >= 4:
                    rows.append(kills(server, options))
            finally:
                server.stop()
        disks = faults_disk.cases(OnSQLite, Path(folder), begin)
    print(table(HEADINGS, rows))
    print()
    print(table(faults_disk.HEADINGS, disks))
    sys.exit(any(any(row[5:]) for row in rows) or any("lost" in row[-1] for row in disks))


if __name__ == "__main__":
    main()
