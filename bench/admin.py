#!/usr/bin/env python3
"""Measure every list, search, filter and order of the admin at 1,000 rows and at 1,000,000.

    .venv/bin/python bench/admin.py [--rounds 5] [--rows 1000000] [--engine sqlite|postgresql]
        [--folder DIR] [--only WORD] [--explain]

Fills two databases per engine: one of 1,000 files and messages, one of --rows files and messages,
a twentieth as many sessions and a two-hundredth as many users, of whom one has a tenth. Then
requests every page that the admin's registry offers alternately from both, through all of Django in
one process each, and prints a Markdown table of medians per engine. What takes more than 2 x the
small database, or more than 300 ms, is bold. --folder keeps the databases; PostgreSQL's are kept on
the server of DATABASE_URL then. --only measures the pages whose name contains WORD; with --explain
it prints their queries with plans at --rows instead.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

from lists import AIMS, NAMES, SMALL, MeasuringProcess, PostgreSQL

RATIO, LIMIT = 2.0, 300  # ms


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=list(AIMS), action="append")
    parser.add_argument("--folder")
    parser.add_argument("--only", default="")
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    missed = 0
    for engine in options.engine or list(AIMS):
        with contextlib.ExitStack() as stack:
            server = PostgreSQL(stack, options.folder) if engine == "postgresql" else None
            folder = options.folder or stack.enter_context(
                tempfile.TemporaryDirectory(prefix="camp-admin-")
            )
            small, large = (
                MeasuringProcess(
                    Path(folder, f"{engine}-{rows}"), server, rows, stack, "admin_place.py"
                )
                for rows in (SMALL, options.rows)
            )
            names = [name for name in small.ask("pages") if options.only in name]
            names = [name for name in names if name in large.ask("pages")]
            if options.explain:
                print_plans(large, names)
            else:
                missed += print_table(engine, small, large, names, options)
    sys.exit(bool(missed))


def print_table(engine, small, large, names, options):
    """Print the times of all pages on an engine; returns how many miss the aim."""
    print(f"\n**{NAMES[engine]}**\n")
    print(f"| page | queries | ms at {options.rows:,} | ms at {SMALL:,} | × |")
    print("|---|---:|---:|---:|---:|")
    missed = 0
    for name in names:
        small.ask("facts", name)
        queries = large.ask("facts", name)
        times = [(small.ask("time", name), large.ask("time", name)) for _ in range(options.rounds)]
        few, many = map(statistics.median, zip(*times, strict=True))
        is_slow = many > LIMIT or many / few > RATIO
        missed += is_slow
        ratio = f"**{many / few:.1f}**" if is_slow else f"{many / few:.1f}"
        print(f"| {name} | {queries} | {many:.0f} | {few:.0f} | {ratio} |", flush=True)
    print(f"\n{missed} of {len(names)} pages miss the aim.", flush=True)
    return missed


def print_plans(place, names):
    """Print the queries of pages with their plans."""
    for name in names:
        print(f"## {name}\n")
        for query in place.ask("plans", name):
            print(f"{query['time']} s\n\n```sql\n{query['sql']}\n```\n")
            print(f"```\n{query['plan']}\n```\n")


if __name__ == "__main__":
    main()
