#!/usr/bin/env python3
"""How fast files go to Camp and come back, beside nginx and copyparty.

    .venv/bin/python bench/transfer.py [--rounds 5] [--size 1024] [--folder /var/tmp]

Three jobs: one file of 1 GiB, eight of 128 MiB at once, and 1,000 of 10 KiB. Every server
runs with its defaults on 127.0.0.1 over a folder of its own, and curl is the client. Camp
takes a plain form, or tus; the two requests of a large upload are timed together. It hashes
the bytes and answers when they are on the disk. The others take PUT, copyparty a form too,
and answer when the bytes are in the system's cache. So there are two figures for an upload:
until the answer, and until everything is on the disk, for which the benchmark syncs after
the answer. The small files go in one form, or eight at a time, and come back eight at a time.

Rounds alternate between the servers, the disk is idle before each measurement, and every
file is fetched once more and compared by SHA-256. With DATABASE_URL naming an empty
PostgreSQL database Camp runs on that as well. Prints Markdown tables, and keeps nothing.

With --memory it measures, instead, how much memory Camp takes while eight uploads (four
forms, four by tus) and eight downloads of --size MiB each run together.
"""

import argparse
import collections
import contextlib
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from transfer_servers import (
    Camp,
    CampAccel,
    CampOnPostgreSQL,
    CampTus,
    CampTusOnPostgreSQL,
    Copyparty,
    CopypartyForm,
    Nginx,
    Request,
    Skipped,
)

MIB = 2**20
AT_ONCE = 8
KINDS = [
    *(Camp, CampTus, CampOnPostgreSQL, CampTusOnPostgreSQL, CampAccel),
    *(Nginx, Copyparty, CopypartyForm),
]
LARGE = MIB  # bytes
# To fetch large files takes half a second: it is measured so many times in each round.
DOWNLOADS = 3
# So many requests go each by a curl of its own, more by one that keeps its connections.
MANY = 100


class Job:
    """Files that are sent and fetched together; `size` of each and `total` in bytes."""

    def __init__(self, name, folder, count, size, *, one_form=False):
        self.name, self.size, self.total = name, size, count * size
        self.files, self.checksums = [], []
        folder.mkdir()
        for number in range(count):
            self.files.append(folder / f"{number:04}.bin")
            self.checksums.append(make_file(self.files[-1], size))
        # What goes in one form where a server takes forms.
        self.forms = [self.files] if one_form else [[path] for path in self.files]

    def figure(self, seconds):
        """Return what is told of so many seconds: MB/s of large files, else the seconds."""
        return self.total / seconds / 1e6 if self.size >= LARGE else seconds

    def text(self, seconds):
        """Return the same as text."""
        return f"{self.figure(seconds):,.0f}" if self.size >= LARGE else f"{seconds:.2f}"


def make_file(path, size):
    """Write `size` random bytes; returns their SHA-256."""
    checksum = hashlib.sha256()
    with path.open("wb") as stream:
        for start in range(0, size, MIB):
            block = os.urandom(min(MIB, size - start))
            checksum.update(block)
            stream.write(block)
    return checksum.hexdigest()


@contextlib.contextmanager
def memory_watched(server):
    """Note the largest resident memory of any of the server's processes, in bytes."""
    done = threading.Event()
    # Looked up once: to find children again and again costs what is being measured.
    roots = [psutil.Process(process.pid) for process in server.roots]
    processes = roots + [child for root in roots for child in root.children(recursive=True)]

    def watch():
        while not done.wait(0.05):
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    server.memory = max(server.memory, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Client:
    """curl, for the requests of one server; its scratch files go to `folder`."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder

    def answers(self, requests):
        """Send requests together; returns (seconds, the bodies)."""
        places = [self.folder / f"answer-{number}" for number in range(len(requests))]
        seconds = self.send(requests, places)
        bodies = [place.read_bytes() for place in places]
        for place in places:
            place.unlink()
        return seconds, bodies

    def send(self, requests, places):
        """Send requests together, each answer to its place; returns the seconds."""
        words = ["fail", "silent", "show-error", *self.server.cookie_lines]
        each = [
            "\n".join([request, f"output = {place}", *words])
            for request, place in zip(requests, places, strict=True)
        ]
        if many := len(each) > MANY:
            each = ["\nnext\n".join(each)]
        configs = []
        for number, text in enumerate(each):
            configs.append(self.folder / f"curl-{number}")
            configs[-1].write_text(text)
        parallel = ["-Z", "--parallel-max", str(AT_ONCE), "--parallel-immediate"]
        command = ["curl", *(parallel if many else []), "-K"]
        os.sync()
        with memory_watched(self.server):
            begun = time.perf_counter()
            running = [
                subprocess.Popen([*command, config], stderr=subprocess.PIPE) for config in configs
            ]
            errors = [process.communicate()[1] for process in running]
            seconds = time.perf_counter() - begun
        for process, error in zip(running, errors, strict=True):
            if process.returncode:
                log = (self.server.folder / "log").read_text()[-2000:]
                raise SystemExit(f"{self.server.name}: {error.decode()}\n{log}")
        return seconds

    def check(self, job, addresses):
        """Fetch the files of a job and compare them with what was sent."""
        places = [self.folder / f"fetched-{number}" for number in range(len(addresses))]
        self.send([Request(address) for address in addresses], places)
        for place, checksum in zip(places, job.checksums, strict=True):
            with place.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != checksum:
                    raise SystemExit(f"{self.server.name} gave back other bytes.")
            place.unlink()


def measure(server, job, folder, found):
    """Do one round of a job with a server; `found` gets the seconds of each step."""
    client = Client(server, folder)
    announcing, announced = 0, []
    if announcements := server.announce(job):
        announcing, announced = client.answers(announcements)
    seconds, answers = client.answers(server.upload(job, announced))
    found["up"].append(seconds + announcing)
    begun = time.perf_counter()
    os.sync()
    found["disk"].append(found["up"][-1] + time.perf_counter() - begun)
    addresses = server.addresses(job, answers)
    client.check(job, addresses)
    nowhere = [os.devnull] * len(addresses)
    for _ in range(DOWNLOADS if job.size >= LARGE else 1):
        found["down"].append(client.send([Request(address) for address in addresses], nowhere))
    server.forget()


def started(kinds, folder, stack):
    """Return the servers that could be started, and the reasons of the others by name."""
    servers, skipped = [], {}
    for kind in kinds:
        place = folder / kind.__name__
        place.mkdir()
        server = kind(place)
        try:
            server.start()
        except Skipped as reason:
            skipped[kind.name] = str(reason)
        else:
            stack.callback(server.stop)
            servers.append(server)
    return servers, skipped


def table(jobs, medians, servers, skipped):
    """Return the figures as Markdown; `medians[server][job][step]` are seconds."""
    steps = [f"{job.name} {step}" for job in jobs for step in ("up", "to disk", "down")]
    lines = [
        f"| server | {' | '.join(steps)} | peak memory, MB |",
        f"| --- |{' ---: |' * (len(steps) + 1)}",
    ]
    for server in servers:
        cells = [
            job.text(medians[server][job][step]) for job in jobs for step in ("up", "disk", "down")
        ]
        lines.append(f"| {server.name} | {' | '.join(cells)} | {server.memory / 1e6:,.0f} |")
    lines += [f"| {name} | skipped: {reason} |" for name, reason in skipped.items()]
    return "\n".join(lines)


def aims(jobs, medians):
    """Return what was aimed at, and what came of it, as Markdown; without peers None."""
    one, _parallel, small = jobs
    by_kind = {type(server): each for server, each in medians.items()}
    peers = [by_kind[kind] for kind in (Nginx, Copyparty, CopypartyForm) if kind in by_kind]
    if Nginx not in by_kind or len(peers) < 3:
        return None
    nginx, copyparty = by_kind[Nginx], min(peers[1:], key=lambda each: each[one]["up"])
    camp, tus, accel = by_kind[Camp], by_kind[CampTus], by_kind[CampAccel]

    def faster(mine, other, step):
        return f"{other[one][step] / mine[one][step]:.2f} ×"

    quickest = min(each[small]["up"] for each in peers[1:])
    rows = [
        ("1 GiB by tus: 2 × nginx", faster(tus, nginx, "up")),
        ("the same, until it is on the disk", faster(tus, nginx, "disk")),
        ("1 GiB by tus: 2 × copyparty", faster(tus, copyparty, "up")),
        ("the same, until it is on the disk", faster(tus, copyparty, "disk")),
        (
            "1,000 small files in a form: at most 1.5 × copyparty's time",
            f"{camp[small]['up'] / quickest:.2f} ×",
        ),
        ("download: 0.8 × nginx", faster(camp, nginx, "down")),
        ("download with X-Accel-Redirect: 0.95 × nginx", faster(accel, nginx, "down")),
    ]
    lines = [f"| {aim} | {seen} |" for aim, seen in rows]
    return "\n".join(["| aim | seen |", "| --- | ---: |", *lines])


def compare(options, folder, stack):
    """Measure all servers by turns, and print the tables."""
    jobs = [
        Job("1 file", folder / "one", 1, options.size * MIB),
        Job(f"{AT_ONCE} files", folder / "eight", AT_ONCE, options.size * MIB // AT_ONCE),
        Job("1,000 files", folder / "small", 1000, 10 * 2**10, one_form=True),
    ]
    scratch = folder / "scratch"
    scratch.mkdir()
    servers, skipped = started(KINDS, folder, stack)
    found = {s: {j: collections.defaultdict(list) for j in jobs} for s in servers}
    for number in range(options.rounds):
        for job in jobs:
            for server in servers:
                print(f"round {number + 1}: {job.name}, {server.name}", file=sys.stderr)
                measure(server, job, scratch, found[server][job])
    medians = {
        server: {
            job: {step: statistics.median(seconds) for step, seconds in steps.items()}
            for job, steps in each.items()
        }
        for server, each in found.items()
    }
    print("Large files in MB/s (1 MB = 1,000,000 bytes), small ones in seconds.\n")
    print(table(jobs, medians, servers, skipped))
    if told := aims(jobs, medians):
        print(f"\n{told}")


def together(options, folder, stack):
    """Print the peak memory of Camp with eight uploads and eight downloads at once."""
    job = Job("large", folder / "source", 1, options.size * MIB)
    scratch = folder / "scratch"
    scratch.mkdir()
    print("| database | peak memory of a process, MB | seconds |\n| --- | ---: | ---: |")
    for kind in (CampTus, CampTusOnPostgreSQL):
        servers, skipped = started([kind], folder, stack)
        for server in servers:
            seconds = all_at_once(server, job, scratch)
            database = kind.name.rpartition(" ")[2]
            print(f"| {database} | {server.memory / 1e6:.0f} | {seconds:.0f} |", flush=True)
            server.forget()
        for name, reason in skipped.items():
            print(f"| {name} | skipped: {reason} | |")


def all_at_once(server, job, folder):
    """Run eight uploads, by form and by tus, and eight downloads; returns the seconds."""
    client = Client(server, folder)
    form = Camp.upload(server, job, [])
    _seconds, answers = client.answers(form)
    [address] = Camp.addresses(server, job, answers)
    tus = []
    for _ in range(AT_ONCE // 2):
        _seconds, announced = client.answers(server.announce(job))
        tus += server.upload(job, announced)
    requests = [*form * (AT_ONCE // 2), *tus, *[Request(address)] * AT_ONCE]
    server.memory = 0
    return client.send(requests, [os.devnull] * len(requests))


def main():
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, help="MiB; 1024, with --memory 2048")
    parser.add_argument("--folder", type=Path, help="where the data goes; needs 8 × the size")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    options.size = options.size or (2048 if options.memory else 1024)
    with contextlib.ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="camp-bench-", dir=options.folder)
        folder = Path(stack.enter_context(temporary))
        (together if options.memory else compare)(options, folder, stack)


if __name__ == "__main__":
    main()
