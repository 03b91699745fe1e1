#!/usr/bin/env python3
"""How long a backup and its restore take, beside pg_dump, pg_restore and cp.

    .venv/bin/python bench/backup.py [--rounds 3] [--rows 100000] [--size 5] [--folder /var/tmp]

Makes a PostgreSQL of its own with `manage.py postgres init`, fills it with --rows stored
files of --size GB in all, and then takes turns: `pg_dump -Fc` and `manage.py backup
--no-files`, `cp -r` of the stored files and `manage.py backup`, and the same on the way
back. The files part of Camp is what a whole backup takes longer than one without files. A
backup of Camp is on the disk when it is done, and its checksums are made meanwhile; for
the others there are two figures: until done, and until all is on the disk. What is restored
goes into an empty storage and beside the present database; pg_restore's figure has the
createdb before it. Starting Python and Django is left out, as is removing the files that
were there before; a ratio of its own has the start in it. Prints one Markdown table, and
keeps nothing.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILL = """
import hashlib, os, uuid
from datetime import datetime, timezone
from pathlib import Path
from django.conf import settings
from accounts.models import User
from files.models import File

rows, size = {rows}, {size}
user = User.objects.create_user("bench", "bench@example.org", "a good long password")
block = os.urandom(size + 4096)
files = []
for number in range(rows):
    content = number.to_bytes(8, "big") + block[number % 4096 :][: size - 8]
    name = str(uuid.uuid4())
    path = f"{{name[:2]}}/{{name[2:4]}}/{{name}}"
    target = Path(settings.LOCAL_STORAGE_PATH, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    files.append(File(
        user=user, filename=f"資料 {{number}}.pdf", content_type="application/pdf", size=size,
        storage_path=path, sha256=hashlib.sha256(content).hexdigest(),
    ))
    if len(files) == 5000 or number == rows - 1:
        File.objects.bulk_create(files)
        files.clear()
"""
TIMED = """
import json, os, resource, time
from django.core.management import call_command
begun = time.perf_counter()
if {words}:
    call_command(*{words}, stdout=open(os.devnull, "w"))
seconds = time.perf_counter() - begun
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


class Place:
    """A Camp with a PostgreSQL of its own in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.stored = self.data / "files"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PG")},
            "CAMP_DATA_DIR": str(self.data),
            "CAMP_ENV_FILES": "",
            "DATABASE_URL": "",
        }

    def start(self):
        """Make and start the PostgreSQL."""
        self.manage("postgres", "init", "--port", str(free_port()))
        self.manage("postgres", "start")
        told = self.manage("postgres", "url")
        self.url = told[told.index("postgresql://") :].split()[0]
        self.environment["DATABASE_URL"] = self.url
        self.name = self.url.rpartition("/")[2]

    def manage(self, *words):
        """Run a manage.py command; returns what it printed."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"manage.py {words[0]}: {done.stderr}")
        return done.stdout

    def shell(self, code):
        """Run Python code in Camp; returns what it printed."""
        return self.manage("shell", "-v", "0", "-c", code)

    def timed(self, *words):
        """Return (seconds, peak memory in bytes) of a management command."""
        os.sync()
        told = self.shell(TIMED.format(words=repr(words)))
        seconds, kilobytes = json.loads(told.splitlines()[-1])
        return seconds, kilobytes * 1024

    def programs(self, *words):
        """Run one of PostgreSQL's programs, found as Camp finds it."""
        if not hasattr(self, "_programs"):
            code = (
                "from camp.operations.database import server as database;"
                "from camp.operations.local_postgres import programs as p;"
                "print(p.client('pg_dump', 'pg_restore', 'psql', "
                "at_least=database.server_version()).folder)"
            )
            self._programs = Path(self.shell(code).split()[-1])
        subprocess.run([self._programs / words[0], *map(str, words[1:])], check=True)

    def backup(self, *options):
        """Make a backup; returns its path and what `timed` does."""
        shutil.rmtree(self.data / "backups", ignore_errors=True)
        figures = self.timed("backup", *options)
        [path] = (self.data / "backups").iterdir()
        return path, *figures

    def restore(self, path, *options):
        """Restore a backup; returns what `timed` does."""
        confirmed = ["--no-backup", "--no-input", "--name", self.name]
        return self.timed("restore", str(path), *confirmed, *options)


def timed(function):
    """Return how long something takes, and how long until it is on the disk."""
    os.sync()
    begun = time.perf_counter()
    function()
    seconds = time.perf_counter() - begun
    os.sync()
    return seconds, time.perf_counter() - begun


def free_port():
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(place, figures):
    """Do one round."""
    dump, copy = place.folder / "plain.dump", place.folder / "copy"

    def cp(source, target):
        return timed(lambda: subprocess.run(["cp", "-r", source, target], check=True))

    note = figures.append_all
    note("pg_dump -Fc", timed(lambda: place.programs("pg_dump", "-Fc", "-f", dump, place.url)))
    path, small, memory = place.backup("--no-files")
    note("backup, database", (small, small), memory)
    kept = shutil.move(path, place.folder / path.name)
    note("cp -r", cp(place.stored, copy))
    shutil.rmtree(copy)
    path, whole, memory = place.backup()
    note("backup, files", (whole - small, whole - small), memory)

    def pg_restore():
        place.programs(*psql, "CREATE DATABASE plain TEMPLATE template0")
        place.programs("pg_restore", "-d", target, dump)

    psql = ("psql", "-q", "-d", place.url, "-c")
    target = place.url.removesuffix(place.name) + "plain"
    note("pg_restore", timed(pg_restore))
    place.programs(*psql, "DROP DATABASE plain")
    note("cp -r, back", cp(place.stored, copy))
    shutil.rmtree(copy)
    small, memory = place.restore(kept, "--no-files")
    note("restore, database", (small, small), memory)
    shutil.rmtree(place.stored)
    whole, memory = place.restore(path)
    note("restore, files", (whole - small, whole - small), memory)
    kept.unlink()
    dump.unlink()


class Figures:
    """What was measured, by what did it."""

    def __init__(self):
        self.done, self.durable, self.memory = (defaultdict(list) for _number in range(3))

    def append_all(self, name, seconds, memory=None):
        """Take the figures of one turn."""
        print(f"  {name}: {seconds[0]:.2f} s, on disk {seconds[1]:.2f} s", file=sys.stderr)
        self.done[name].append(seconds[0])
        self.durable[name].append(seconds[1])
        if memory:
            self.memory[name].append(memory)

    def table(self, start, idle):
        """Return all as Markdown.

        A command that does nothing takes `start` seconds and `idle` bytes of memory.
        """
        lines = [
            "| what | s | s, on the disk | ratio | ratio, on the disk | ratio, with the start "
            "| peak memory, MB |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        pairs = [
            ("pg_dump -Fc", "backup, database"),
            ("cp -r", "backup, files"),
            ("pg_restore", "restore, database"),
            ("cp -r, back", "restore, files"),
        ]
        for plain, ours in pairs:
            done, durable = (statistics.median(of[plain]) for of in (self.done, self.durable))
            lines.append(f"| {plain} | {done:.2f} | {durable:.2f} | | | | |")
            seconds = statistics.median(self.done[ours])
            memory = max(self.memory[ours]) / 1e6
            # What a whole backup takes longer has no start in it.
            started = f"{(seconds + start) / done:.2f}" if "database" in ours else ""
            lines.append(
                f"| **{ours}** | {seconds:.2f} | {seconds:.2f} | {seconds / done:.2f} "
                f"| {seconds / durable:.2f} | {started} | {memory:.0f} |"
            )
        lines.append(f"| a command that does nothing | {start:.2f} | | | | | {idle / 1e6:.0f} |")
        return "\n".join(lines)


def main():
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--size", type=float, default=5, help="GB of files in all")
    parser.add_argument("--folder", type=Path, help="where to put the data; needs 4 × the size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="camp-bench-", dir=options.folder) as folder:
        # PostgreSQL runs as somebody else where root starts it.
        Path(folder).chmod(0o755)
        place = Place(Path(folder))
        place.start()
        try:
            place.manage("migrate", "-v", "0")
            size = max(8, int(options.size * 1e9 / options.rows))
            place.shell(FILL.format(rows=options.rows, size=size))
            figures = Figures()
            _seconds, idle = place.timed()
            start = statistics.median(
                timed(lambda: place.manage("version"))[0] for _number in range(5)
            )
            for number in range(options.rounds):
                print(f"round {number + 1}", file=sys.stderr)
                measure(place, figures)
            print(figures.table(start, idle))
        finally:
            place.environment["DATABASE_URL"] = ""
            place.manage("postgres", "stop")


if __name__ == "__main__":
    main()
