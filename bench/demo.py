#!/usr/bin/env python3
"""How fast `manage.py demo` fills a database, each row with bytes of its own path.

    .venv/bin/python bench/demo.py [--files 1000000] [--folder /var/tmp]

It fills SQLite, and with DATABASE_URL naming an empty PostgreSQL database that as well. The
data folder is a temporary one and goes at the end. Prints one Markdown table.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    given = parser.parse_args()
    print("| database | file rows | seconds | rows/s | peak memory | on the disk |")
    print("|---|---:|---:|---:|---:|---:|")
    for url in filter(None, ["sqlite", os.environ.get("DATABASE_URL")]):
        with tempfile.TemporaryDirectory(prefix="camp-bench-", dir=given.folder) as folder:
            environment = {**os.environ, "CAMP_DATA_DIR": folder, "CAMP_ENV_FILES": ""}
            environment["DATABASE_URL"] = "" if url == "sqlite" else url
            manage(environment, "migrate", "--verbosity", "0")
            began = time.monotonic()
            files = ("--files", str(given.files))
            memory = manage(environment, "demo", "--users", "1000", "--sessions", "10000", *files)
            seconds = time.monotonic() - began
            used = subprocess.check_output(["du", "-sm", Path(folder, "files")], text=True)
            name = "SQLite" if url == "sqlite" else "PostgreSQL"
            speed = given.files / seconds
            print(
                f"| {name} | {given.files:,} | {seconds:.0f} | {speed:,.0f} "
                f"| {memory / MIB:.0f} MB | {used.split()[0]} MB |",
                flush=True,
            )


def manage(environment, *words):
    """Run a management command; returns its peak memory in bytes."""
    command = [sys.executable, ROOT / "manage.py", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        watched, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, watched.memory_info().rss)
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"manage.py {words[0]} failed.")
    return peak


if __name__ == "__main__":
    main()
