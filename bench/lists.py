#!/usr/bin/env python3
"""Measure pages with lists at 1,000 rows and at 1,000,000.

    .venv/bin/python bench/lists.py [--rounds 15] [--rows 1000000] [--engine sqlite|postgresql]

Fills two databases per engine: one where a user owns all of 1,000 files, and one of --rows files
where that user owns a tenth and a thousand others own the rest. Then requests every page
alternately from both, through all of Django in one process each, as that user, and prints a
Markdown table of medians per engine. PostgreSQL is a temporary server, or the one of
DATABASE_URL, on which the two databases are created. Nothing is kept without --folder.

With --explain it prints each query with its plan on both engines instead.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SMALL = 1000
AIMS = {"postgresql": 3.0, "sqlite": 3.0}
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=list(AIMS), action="append")
    parser.add_argument(
        "--folder", help="keep the databases (SQLite's in this folder) and reuse them"
    )
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    sizes = [options.rows] if options.explain else [SMALL, options.rows]
    plans = {}
    for engine in options.engine or list(AIMS):
        with contextlib.ExitStack() as stack:
            server = PostgreSQL(stack, options.folder) if engine == "postgresql" else None
            folder = options.folder or stack.enter_context(
                tempfile.TemporaryDirectory(prefix="camp-lists-")
            )
            places = [
                MeasuringProcess(Path(folder, f"{engine}-{rows}"), server, rows, stack)
                for rows in sizes
            ]
            if options.explain:
                plans[engine] = places[0].ask("plans")
            else:
                print_table(engine, places, options.rounds, options.rows)
    if options.explain:
        print_plans(plans)


class PostgreSQL:
    """A server on which databases are created; `stack` drops them."""

    def __init__(self, stack, keep):
        from tests import servers

        self.stack, self.keep = stack, keep
        self.url = os.environ.get("DATABASE_URL", "")
        if not self.url:
            self.url = stack.enter_context(servers.postgresql()).url

    def database(self, name):
        """Create a database, or reuse it; returns its URL."""
        import psycopg

        def run(sql):
            parts = urlsplit(self.url)._replace(path="/postgres").geturl()
            with psycopg.connect(parts, autocommit=True) as server:
                server.execute(sql)

        try:
            run(f"CREATE DATABASE {name}")
        except psycopg.errors.DuplicateDatabase:
            if not self.keep:
                raise SystemExit(f"The database {name} already exists.") from None
        if not self.keep:
            self.stack.callback(run, f"DROP DATABASE {name} WITH (FORCE)")
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()


class MeasuringProcess:
    """A process that measures pages on one database."""

    def __init__(self, folder, server, rows, stack, script="lists_place.py"):
        folder.mkdir(parents=True, exist_ok=True)
        name = f"camp_{script.partition('_')[0]}_{rows}"
        environment = {
            **os.environ,
            "CAMP_DATA_DIR": str(folder),
            "CAMP_ENV_FILES": "",
            "REDIS_URL": "",
            "DATABASE_URL": server.database(name) if server else "",
            "DJANGO_SETTINGS_MODULE": "camp.settings",
            "SECRET_KEY": "bench-guards-nothing-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0",
        }
        command = [sys.executable, ROOT / "bench" / script, str(rows)]
        self.process = stack.enter_context(
            subprocess.Popen(
                command,
                env=environment,
                text=True,
                bufsize=1,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        stack.callback(self.process.stdin.close)
        self.ask("ready")

    def ask(self, *words):
        """Return the answer to a question."""
        self.process.stdin.write(json.dumps(words) + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("A database could not be filled, or a page failed.")
        return json.loads(answer)


def print_table(engine, places, rounds, rows):
    """Print the times of all pages on an engine."""
    print(f"\n**{NAMES[engine]}**\n")
    print(f"| page | queries | rows shown | ms at {SMALL:,} | ms at {rows:,} | ratio |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in places[0].ask("pages"):
        facts = [place.ask("facts", name) for place in places]
        times = [[], []]
        for _ in range(rounds):
            for place, seen in zip(places, times, strict=True):
                seen.append(place.ask("time", name))
        few, many = map(statistics.median, times)
        ratio = f"{many / few:.2f}"
        if many / few > AIMS[engine]:
            ratio = f"**{ratio}, missed**" if facts[0]["aimed"] else f"{ratio}, no aim"
        queries, rows = (
            " / ".join(dict.fromkeys(str(fact[key]) for fact in facts))
            for key in ("queries", "rows")
        )
        print(f"| {name} | {queries} | {rows} | {few:.1f} | {many:.1f} | {ratio} |", flush=True)
    print(f"\nAim: at most {AIMS[engine]} ×.", flush=True)


def print_plans(plans):
    """Print every query with its plan."""
    lines = []
    engines = list(plans)
    for name in plans[engines[0]]:
        lines += [f"## {name[0].upper()}{name[1:]}", ""]
        for engine in engines:
            for number, each in enumerate(plans[engine][name], 1):
                served = ", ".join(f"`{index}`" for index in each["indexes"]) or "no index"
                lines += [f"**{NAMES[engine]}**, query {number}, served by {served}:", ""]
                lines += ["```sql", each["sql"], "```", "", "```", each["plan"], "```", ""]
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
