#!/usr/bin/env python3
"""Whether real tus clients bring their files home over a bad line and a server that dies.

    .venv/bin/python bench/resume.py [--uploads 100] [--seed 1] [--folder /var/tmp]

Two clients as their makers publish them, tuspy (Python) and tus-js-client (Node.js), each
send random files of up to 12 MiB to Camp, four at a time. Between them and the server is a
proxy that lets 8 MB/s through and cuts every second connection at a random byte, in either
direction; meanwhile the server is killed with SIGKILL at random moments and started again.
In the end each file must be there exactly once, byte by byte: the bytes on the disk are
hashed and compared with what was sent. With DATABASE_URL naming an empty PostgreSQL
database Camp runs on that. Prints one Markdown table, and keeps nothing.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import venv
from dataclasses import dataclass
from pathlib import Path

from transfer_servers import Camp, manage

HERE = Path(__file__).resolve().parent
LARGEST = 12 * 2**20  # bytes
SPEED = 8_000_000  # bytes per second of one connection
BLOCK = 64 * 2**10
CUT_SHARE = 0.5
CUT_WITHIN = 4 * 2**20  # bytes
LIVES = (1.0, 4.0)  # seconds that a server lives
ROWS = (
    "import json; from files.models import File, Upload;"
    "print(json.dumps([list(File.objects.values_list('filename', 'sha256', 'storage_path')),"
    "Upload.objects.filter(file=None).count()]))"
)


class Line:
    """A proxy that throttles and cuts, on a port of its own; `cuts` counts."""

    def __init__(self, target, chance):
        self.target, self.chance = target, chance
        self.cuts = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._meet, "127.0.0.1", 0, limit=BLOCK)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _meet(self, reader, writer):
        """Carry one connection, to its end or to where it is cut."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        cut = self.chance.random() < CUT_SHARE
        # An answer is short: to lose one, the cut must come after few bytes.
        back = cut and self.chance.random() < 0.2
        limits = [None, None]
        if cut:
            limits[back] = self.chance.randrange(300 if back else CUT_WITHIN)
        ways = [
            asyncio.ensure_future(self._carry(reader, inner_writer, limits[0])),
            asyncio.ensure_future(self._carry(inner_reader, writer, limits[1])),
        ]
        done, _pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self.cuts += any(way.result() for way in done)
        for way in ways:
            way.cancel()
        for each in (writer, inner_writer):
            each.transport.abort() if any(way.result() for way in done) else each.close()

    async def _carry(self, reader, writer, limit):
        """Pass bytes on; returns True where the line was cut."""
        carried = 0
        with contextlib.suppress(OSError):
            while block := await reader.read(BLOCK):
                if limit is not None and carried + len(block) > limit:
                    return True
                carried += len(block)
                writer.write(block)
                await writer.drain()
                await asyncio.sleep(len(block) / SPEED)
        return False


class Mortal(Camp):
    """Camp that is killed again and again while `dying` lasts."""

    database = os.environ.get("DATABASE_URL", "")

    def __init__(self, folder, chance):
        super().__init__(folder)
        self.chance = chance
        self.kills = 0

    @contextlib.contextmanager
    def dying(self):
        """Kill and start it at random moments within the block; it is up afterwards."""
        over = threading.Event()
        thread = threading.Thread(target=self._die_often, args=[over])
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _die_often(self, over):
        while not over.wait(self.chance.uniform(*LIVES)):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.kills += 1
            self.run([*manage("up"), "--port", str(self.port)], env=self.environment)

    def rows(self):
        """Return [name, SHA-256, storage path] of all files, and how many uploads are open."""
        command = manage("shell", "-v", "0", "-c", ROWS)
        done = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])


@dataclass
class Client:
    """A program that uploads every file of a folder: how it is installed and called."""

    name: str
    install: callable
    command: callable

    def version(self, home):
        """Return what was installed."""
        return (home / "version").read_text().strip()


def install_tuspy(home):
    """Put tuspy into an environment of its own."""
    venv.create(home / "env", with_pip=True)
    python = home / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "tuspy"], check=True)
    code = "import importlib.metadata as m; print(m.version('tuspy'))"
    (home / "version").write_bytes(subprocess.check_output([python, "-c", code]))


def install_tus_js(home):
    """Put tus-js-client into a folder of its own."""
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "tus-js-client"]
    subprocess.run(command, cwd=home, check=True)
    about = json.loads((home / "node_modules/tus-js-client/package.json").read_text())
    (home / "version").write_text(about["version"])
    shutil.copy(HERE / "resume_client.mjs", home)


CLIENTS = [
    Client(
        "tuspy",
        install_tuspy,
        lambda home: [home / "env" / "bin" / "python", HERE / "resume_client.py"],
    ),
    Client("tus-js-client", install_tus_js, lambda home: ["node", home / "resume_client.mjs"]),
]


def make_files(folder, count, chance):
    """Write files of random sizes; returns {name: SHA-256}."""
    folder.mkdir()
    made = {}
    for number in range(count):
        name = f"{number:03} 合宿.bin"
        content = chance.randbytes(chance.randrange(LARGEST))
        (folder / name).write_bytes(content)
        made[name] = hashlib.sha256(content).hexdigest()
    return made


def outcome(server, made):
    """Return how many names are there exactly once, how many of these equal, how many open."""
    rows, unfinished = server.rows()
    found = {}
    for name, checksum, path in rows:
        found.setdefault(name, []).append((checksum, path))
    single = {name: files[0] for name, files in found.items() if len(files) == 1}
    equal = 0
    for name, (checksum, path) in single.items():
        with (server.data / "files" / path).open("rb") as stream:
            real = hashlib.file_digest(stream, "sha256").hexdigest()
        equal += real == checksum == made.get(name)
    return len(single), equal, unfinished


def measure(client, folder, count, chance):
    """Have one client upload everything; returns the row of the table."""
    home = folder / client.name
    home.mkdir()
    client.install(home)
    made = make_files(home / "files", count, chance)
    (home / "camp").mkdir()
    server = Mortal(home / "camp", chance)
    try:
        server.start()
        line = Line(server.port, chance)
        job = {
            "endpoint": f"http://127.0.0.1:{line.port}/uploads/",
            "headers": server.headers(),
            "folder": str(home / "files"),
        }
        print(f"{client.name}: {count} uploads", file=sys.stderr)
        begun = time.monotonic()
        with server.dying():
            subprocess.run(client.command(home), input=json.dumps(job), text=True, check=True)
        seconds = time.monotonic() - begun
        single, equal, unfinished = outcome(server, made)
        server.forget()
    finally:
        server.stop()
    version = f"{client.name} {client.version(home)}"
    return (version, count, line.cuts, server.kills, single, equal, unfinished, round(seconds))


def table(rows):
    """Return the figures as Markdown."""
    lines = [
        "| client | uploads | lines cut | servers killed | there exactly once "
        "| SHA-256 equal | begun in vain | seconds |",
        "| --- |" + " ---: |" * 7,
    ]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)


def main():
    """Measure, and print the table; the exit code is 1 if a file is missing or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--uploads", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--folder", type=Path, help="where to put the data; needs 3 GB")
    options = parser.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="camp-resume-", dir=options.folder) as folder:
        rows = [measure(client, Path(folder), options.uploads, chance) for client in CLIENTS]
    print(table(rows))
    sys.exit(any(row[5] != row[1] for row in rows))


if __name__ == "__main__":
    main()
