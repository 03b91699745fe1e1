#!/usr/bin/env python3
"""Fifty restores that go wrong, each in a process of its own, and one that does not.

    .venv/bin/python bench/restore_drill.py [--engine sqlite|postgresql] [--seed 1]

A place with 20,000 messages and 200 files is backed up and then changed. After that
`manage.py restore` runs with archives that are damaged in one place, on a disk that is
full, and is killed in the middle; after each run everything in the database and in the
storage is compared with what it was before. A killed one may also have happened: then it
must have happened altogether, and otherwise it may leave files that no row names. Prints
one Markdown table, and keeps nothing.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FLIPS, CUTS, MISSING, MISLEADING, FULL, KILLS, LATE_KILLS = 14, 6, 4, 6, 4, 10, 6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camp-drill-")))
        prepare_environment(options.engine, folder, stack)
        import django

        django.setup()
        Drill(folder, random.Random(options.seed)).run()


def prepare_environment(engine, folder, stack):
    """Point the settings at a place of our own."""
    from tests import servers

    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "camp.settings",
        "CAMP_ENV_FILES": "",
        "CAMP_DATA_DIR": str(folder / "data"),
        "SECRET_KEY": "drill-guards-nothing-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0",
    }
    for name in ("DATABASE_URL", "REDIS_URL", "LOCAL_STORAGE_PATH", "CAMP_BACKUP_DIR"):
        os.environ.pop(name, None)
    if engine == "postgresql":
        os.environ["DATABASE_URL"] = stack.enter_context(servers.postgresql()).url


class Drill:
    """The place, its archive, and what happened so far."""

    def __init__(self, folder, chance):
        self.folder = folder
        self.chance = chance
        self.outcomes = Counter()

    def run(self):
        """Do all of it and print the table."""
        self.prepare()
        self.seconds = self.intact()
        self.change()
        self.before = self.state()
        for what, damage in self.damages():
            self.archive.write_bytes(self.whole)
            damage(self.archive)
            done = self.restore()
            self.judge(what, done.returncode == 1 and "Traceback" not in done.stderr)
        self.archive.write_bytes(self.whole)
        for limit in (100, 1_000, 50_000, 90_000)[:FULL]:
            done = self.restore(limit=limit)
            self.judge("full disk", done.returncode == 1 and "Traceback" not in done.stderr)
        for number in range(KILLS):
            self.kill("killed", self.seconds * (number + 0.5) / KILLS)
        for _number in range(LATE_KILLS):
            self.kill("killed while swapping", self.chance.random() * 0.4, swapping=True)
        seconds = self.intact()
        self.print(seconds)

    def prepare(self):
        """Make the place and its archive."""
        from django.conf import settings
        from django.core.management import call_command

        from camp.operations.database import server
        from files.models import File
        from sessions_app.models import Message, Session
        from tests.operations.backup import places

        settings.CAMP_DATA_DIR.mkdir(parents=True)
        if server.is_postgresql():
            server.create(settings.DATABASES["default"]["NAME"])
        call_command("migrate", verbosity=0)
        owner = places.furnish()
        session = Session.objects.first()
        Message.objects.bulk_create(
            Message(session=session, content=f"{number} 行目") for number in range(20_000)
        )
        for number in range(194):
            places.store(owner, f"{number}.bin", self.chance.randbytes(100_000))
        assert File.objects.count() == 200
        self.archive = self.folder / "archive.tar"
        places.archive(output=self.archive)
        self.whole = self.archive.read_bytes()
        self.good = self.state()

    def state(self):
        """Return what the database and the storage hold, apart from the mark of a restore."""
        from django.db import connection

        from camp.models import Instance
        from camp.operations.server import processes
        from tests.operations.backup import places

        restored = Instance.objects.get().restored
        Instance.objects.update(restored="")
        rows = places.digest()[0]
        Instance.objects.update(restored=restored)
        connection.close()
        processes.unregister()  # the command must be alone
        return rows, self.files()

    def files(self):
        """Return {storage path: checksum} of all stored files."""
        from django.conf import settings

        from tests.operations.backup import places

        tree = places.tree(settings.LOCAL_STORAGE_PATH)
        return {path: sha256 for path, sha256 in tree.items() if not path.startswith(".staging")}

    def is_restored(self):
        """Return whether the database is that of the archive, and each row has its bytes."""
        from django.db import connection

        from camp.operations.server import processes
        from files.models import File
        from sessions_app.models import Message

        stored = self.files()
        rows = list(File.objects.values_list("storage_path", "sha256"))
        messages = Message.objects.count()
        connection.close()
        processes.unregister()
        whole = all(stored.get(path) == sha256 for path, sha256 in rows)
        return whole and (len(rows), messages) == (200, 20_020)

    def change(self):
        """Have people go on working."""
        from django.conf import settings

        from files.models import File
        from sessions_app.models import Message
        from tests.operations.backup import places

        Message.objects.filter(pk__gt=15_000).delete()
        file = File.objects.exclude(size=0).last()
        Path(settings.LOCAL_STORAGE_PATH, file.storage_path).write_bytes(b"something else")
        self.lost = File.objects.exclude(size=0).first().storage_path
        Path(settings.LOCAL_STORAGE_PATH, self.lost).unlink()
        places.store(file.user, "new.bin", b"new")

    def damages(self):
        """Yield (what, function that damages an archive)."""
        from tests.operations.backup import places

        spans = list(self.spans())
        for _number in range(FLIPS):
            _name, begin, end = self.chance.choice(spans)
            # Half of them in what is not content: headers and what fills up blocks.
            end = min(end, begin + 512) if self.chance.random() < 0.5 else end
            at = self.chance.randrange(begin, end)
            yield "flipped bit", lambda copy, at=at: places.flip(copy, at)
        for _number in range(CUTS):
            at = self.chance.randrange(len(self.whole))
            yield "cut", lambda copy, at=at: os.truncate(copy, at)
        for _name, begin, end in self.chance.sample(spans[1:], MISSING):
            rest = self.whole[:begin] + self.whole[end:]
            yield "missing member", lambda copy, rest=rest: copy.write_bytes(rest)
        told = places.manifest(self.archive)
        stored = next(name for name, _begin, _end in spans if name.startswith("files/"))
        counts = told["counts"] | {"sample_messages": 1}
        migrations = told["migrations"] | {"files": ["0999_better"]}
        for changed in (
            {"manifest.json": json.dumps(told | {"counts": counts}).encode()},
            {"manifest.json": json.dumps(told | {"migrations": migrations}).encode()},
            {"manifest.json": json.dumps(told | {"files": {"count": 1, "bytes": 1}}).encode()},
            {"manifest.json": b"{}"},
            {stored: b"something else"},
            {stored: None},
        ):
            yield "wrong manifest", lambda copy, changed=changed: places.repack(copy, changed)

    def spans(self):
        """Yield (name, begin, end) of each member in the archive's bytes: header and content."""
        with tarfile.open(self.archive) as tar:
            for member in tar:
                begin = member.offset_data - tarfile.BLOCKSIZE
                yield member.name, begin, member.offset_data + member.size

    def command(self, *words):
        """Return the words of a manage.py command."""
        return [sys.executable, str(ROOT / "manage.py"), *words]

    def restoring(self):
        from camp.operations.database import server
        from tests.operations.backup import places

        name = server.locate_database().name
        confirmed = ["--no-input", "--name", name, "--no-backup", *places.trusted()]
        return self.command("restore", str(self.archive), *confirmed)

    def restore(self, limit=None):
        """Run the command to its end; returns what subprocess.run does."""

        def limited():
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.run(
            self.restoring(),
            capture_output=True,
            text=True,
            cwd=ROOT,
            preexec_fn=limited if limit else None,
        )

    def intact(self):
        """Restore the intact archive, and return how long that took."""
        self.archive.write_bytes(self.whole)
        begun = time.monotonic()
        done = self.restore()
        seconds = time.monotonic() - begun
        assert done.returncode == 0, done.stderr
        assert self.is_restored(), "The intact archive did not restore what it holds."
        return seconds

    def kill(self, what, delay, *, swapping=False):
        """Kill the command after some time; with `swapping` after it began to swap."""
        self.path_of_lost().unlink(missing_ok=True)
        self.before = self.state()
        process = subprocess.Popen(
            self.restoring(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        while swapping and process.poll() is None and not self.path_of_lost().exists():
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.wait()
        if self.is_restored():
            self.outcomes[what, "everything restored"] += 1
            self.change()
            self.before = self.state()
            return
        rows, stored = self.state()
        ok = rows == self.before[0] and stored.items() >= self.before[1].items()
        self.outcomes[what, "nothing changed" if ok else "WRONG"] += 1

    def path_of_lost(self):
        """Return where the restore brings a lost file back to, just before it swaps."""
        from django.conf import settings

        return settings.LOCAL_STORAGE_PATH / self.lost

    def judge(self, what, as_expected):
        """Note whether everything is as it was."""
        from tests.operations.backup import places

        left = set(places.leftovers()[0]) - {"backups", "files", "secret-key"}
        same = self.state() == self.before and not left
        ok = as_expected and same
        self.outcomes[what, "nothing changed" if ok else "WRONG"] += 1
        if not ok:
            sys.stderr.write(f"{what}: as expected {as_expected}, the same {same} {left}\n")

    def print(self, seconds):
        """Print the table."""
        from camp.operations.database import server

        digest = hashlib.sha256(self.whole).hexdigest()[:12]
        print(f"{server.locate_database().engine}, archive {digest} of {len(self.whole):,} bytes\n")
        print("| what | nothing changed | everything restored | wrong |\n|---|---:|---:|---:|")
        for what in dict.fromkeys(what for what, _outcome in self.outcomes):
            counts = [
                self.outcomes[what, outcome]
                for outcome in ("nothing changed", "everything restored", "WRONG")
            ]
            print(f"| {what} | {' | '.join(map(str, counts))} |")
        print(f"| in all | {sum(self.outcomes.values())} runs | | |")
        print(f"\nThe intact archive restores in {self.seconds:.1f} and {seconds:.1f} s.")


if __name__ == "__main__":
    main()
