#!/usr/bin/env python3
"""Processor time of rendering Markdown that is made to be expensive.

    .venv/bin/python bench/markdown.py [--seed 1] [--show 8] [--search SECONDS]

Renders some two hundred generated texts of three sizes, the largest being what a message or
a preview may have, and prints the most expensive ones. With --search, the most expensive texts
are changed and joined at random for so long, to find worse ones. Exits with 1 if one takes over
100 ms.
"""

import argparse
import os
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")

import django

django.setup()

from sessions_app.forms import MessageForm  # noqa: E402
from sessions_app.rendering.markdown import render_now, render_plain  # noqa: E402

LIMIT_MS = 100
SIZES = (1_400, 20_000, None)  # characters; None: the most that a message may have
REPEATED = [
    "*", "_", "*_", "**a", "*a_", "***a", "a**b", "**x** ", "_a ", "*a **a ", "~~", "~", "~~a ~",
    "[", "]", "[]", "[](", "![", "[a](", "![[", "![a](", "[a][", "[a][b]", "[x](<b", "[^", "[[",
    "[x](y 'z", '[x](y "', "[a](b) ", "![a](http://b.c) ", "[a]: b\n", "[a]\n", "[a](http://b.c)",
    "`", "` ", "``a`", "```\n", "~~~\n", "```a\nb\n```\n", "    a\n", "`a` ", "<", "<a", "<a ",
    "<b ", "<!--", "<!-- -->", "<?", "<![CDATA[", "<x y='", '<a href="', "</a>", "<http://a",
    "<http://a>", "<a@b.c>", "<div>\n", "<div>\n\n", "<script>", "<b>x</b>", "a<b>c", "&", "&a",
    "&amp;", "&#", "&#1;", "&lt", '"', "'", "\\", "\\*", "\\\n", "$", "(", ")", "!", "> ", ">",
    ">- ", "- ", "- a\n", "* a\n\n", "+ a\n", "1. ", "1. a\n", "- > ", "-\n", "1)\n", "> a\n",
    "# ", "# a\n", "a\n=\n", "a\n-\n", "---\n", "***\n", "_ _ _\n", "#\n", "###### a #\n", "|",
    "a|", "|a|b|\n|-|-|\n", "|-", "|\n", "||\n", "|a\n", "-|-\n", ":-:|",
    "| a | b |\n|---|:-:|\n| 1 | 2 |\n\n", "\n", "\t", "  \n", " ", "a\n\n", "a\n", "a  \n",
    "\u3000", "\xa0\n", "\r", "\x00", "\u200b", "https://a) ", "http://a ", "https://a.b/c?d&e ",
    "https://", "https://a" + ")" * 900 + " ", "https://a.,.,", "日本語。", "あ*い*",
    "**強調**", "`コード`", "- 項目\n", "é", "̈́", "👩\u200d🚀", "\u202e", "�",
]  # fmt: skip


def hard_texts(size, seed):
    """Yield (name, text) pairs of about `size` characters."""
    for piece in REPEATED:
        yield repr(piece), (piece * (size // len(piece) + 1))[:size]
    for columns in (2, 20, 181, size // 6):
        rows = "|" + "a|" * columns + "\n|" + "-|" * columns + "\n" + "|\n" * (2 * columns)
        yield f"table of {columns} columns", (rows * (size // len(rows) + 1))[:size]
        quoted = "> " + rows.replace("\n", "\n> ")
        yield f"quoted table of {columns}", (quoted * (size // len(quoted) + 1))[:size]
    depth = int(size**0.5)
    yield "lists in lists", "".join(f"{'  ' * level}- a\n" for level in range(depth))[:size]
    yield "99 levels of quotes", (">" * 99 + "a\n\n") * (size // 102)
    yield "49 levels of lists", ("- " * 49 + "a\n\n") * (size // 101)
    yield "backticks of all lengths", "".join("`" * n + " " for n in range(depth))[:size]
    yield (
        "many references",
        ("".join(f"[a{n}]: b\n" for n in range(size // 20)) + "[a1]" * size)[:size],
    )
    yield "a long reference", ("[a]: " + "x" * (size // 2) + "\n" + "[a] " * size)[:size]
    yield "a link around all", "[" + "*a* " * (size // 4 - 8) + "](http://a.b)"
    yield "an image around all", "![" + "*a* " * (size // 4 - 8) + "](http://a.b)"
    chance = random.Random(seed)
    for number in range(60):
        pieces = chance.sample(REPEATED, chance.randint(2, 12))
        text = "".join(chance.choice(pieces) for _ in range(size))[:size]
        yield f"mix {number} of {pieces}", text


def measure(text):
    """Return the milliseconds of processor that rendering `text` takes, and the HTML."""
    started = time.process_time()
    html = render_now(text)
    return (time.process_time() - started) * 1000, html


def search(size, seconds, seed):
    """Return (ms, pieces) of the worst texts found, the worst first, and how many were tried."""
    chance, tried = random.Random(seed), 0
    best = [(0, chance.choices(REPEATED, k=chance.randint(1, 8))) for _ in range(60)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        children = [breed(chance, best) for _ in range(25)]
        best += [(measure(filled(pieces, size))[0], pieces) for pieces in children]
        best = sorted(best, reverse=True)[:25]
        tried += len(children)
    # The lowest of three: a single one may have met a collection of garbage.
    worst = [(min(measure(filled(p, size))[0] for _ in range(3)), p) for _ms, p in best]
    return sorted(worst, reverse=True), tried


def breed(chance, best):
    """Return the pieces of one of the best texts, changed or joined with another."""
    pieces, other = list(chance.choice(best)[1]), chance.choice(best)[1]
    place = chance.randrange(len(pieces))
    if chance.random() < 0.4:
        pieces[place] = chance.choice(REPEATED)
    elif chance.random() < 0.5:
        pieces.insert(place, chance.choice(REPEATED))
    else:
        pieces = pieces[: place + 1] + other[chance.randrange(len(other)) :]
    return pieces[:300]


def filled(pieces, size):
    """Return the pieces, repeated up to `size` characters."""
    text = "".join(pieces)
    return (text * (size // len(text) + 1))[:size]


def main():
    """Print the most expensive texts of each size; exit 1 if one is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=8, help="how many of the worst are shown")
    parser.add_argument("--search", type=float, metavar="SECONDS", help="breed worse texts")
    options = parser.parse_args()
    largest = MessageForm().fields["content"].max_length or 100_000
    if options.search:
        worst, tried = search(largest, options.search, options.seed)
        print(f"{tried} texts of {largest:,} characters")
        for spent, pieces in worst[: options.show]:
            print(f"  {spent:7.1f} ms  {str(pieces)[:90]}")
        sys.exit(worst[0][0] > LIMIT_MS)
    over = 0
    for size in SIZES:
        rows = []
        for name, text in hard_texts(size or largest, options.seed):
            spent, html = measure(text)
            rows.append((spent, len(html), html == render_plain(text), name))
        rows.sort(reverse=True)
        over += sum(row[0] > LIMIT_MS for row in rows)
        middle = statistics.median(row[0] for row in rows)
        print(f"{size or largest:,} characters: {len(rows)} texts, median {middle:.1f} ms")
        for spent, length, plain, name in rows[: options.show]:
            note = " as written" if plain else ""
            print(f"  {spent:7.1f} ms {length:9,} characters{note}  {name[:90]}")
    sys.exit(over > 0)


if __name__ == "__main__":
    main()
