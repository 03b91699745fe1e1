"""Types docs/database.md on two fresh machines and writes down what was printed.

    .venv/bin/python -m tests.docs.walk

One machine has Debian's PostgreSQL, the other the newest one of the wheel alone.
"""

import re
import sys

from tests.docs import box as boxes
from tests.docs import markdown, player, server
from tests.docs.events import DEVELOPER_EVENTS

LONGEST = 30  # lines of one output; of a longer one the middle is left out
INTRODUCTION = """\
# The guide, walked

What every command of [the guide](database.md) printed, in its order, on a fresh Debian 12 with
{names[0]} and Redis {redis}, and on one with nothing but the wheel's {names[1]}. Where
the second printed the same but for numbers and versions, it says so. Written by:

```
.venv/bin/python -m tests.docs.walk
```
"""
# What stands in for the secrets and the home of whoever walks.
HIDDEN = {
    r"://(postgres|camp):\w+@": r"://\1:…@",
    rf"{server.CLONE}/?": "",
    r"[^\s(]*\.venv/lib/python[\d.]+/site-packages/": ".venv/…/",
    r"(The password of all: )\w+": r"\1…",
    r"[^\n]*\r": "",
}


def main():
    """Walk on both machines; print the document."""
    walks = [walk(wheel=False), walk(wheel=True)]
    names = [version for version, _redis, _told in walks]
    sys.stdout.write(INTRODUCTION.format(names=names, redis=walks[0][1]))
    sys.stdout.writelines(sections(names, *(told for *_versions, told in walks)))


def walk(*, wheel):
    """Return (PostgreSQL's name, Redis's version, {line: (Block, printed)}) of one machine."""
    with boxes.opened() as box:
        server.install(box)
        server.clone_for_developer(box)
        if wheel:
            server.leave_the_wheel_alone(box)
        reader = player.Player(
            box, user=server.DEVELOPER, folder=server.CLONE, events=DEVELOPER_EVENTS
        )
        blocks = markdown.blocks("database.md")
        reader.play(block for block in blocks if "systemctl" not in block.text)
        postgresql = box.run("postgres --version").stdout
        redis = re.search(r"v=([\d.]+)", box.run("redis-server --version").stdout)[1]
    name = re.search(r"\(PostgreSQL\) ([\d.]+)", postgresql)[1]
    told = {block.line: (block, shown(printed)) for block, _code, printed in reader.told}
    return f"PostgreSQL {name}", redis, told


def shown(printed):
    """Return an output as the document shows it."""
    for pattern, stands_in in HIDDEN.items():
        printed = re.sub(pattern, stands_in, printed)
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    if len(lines) > LONGEST:
        left_out = f"… ({len(lines) - 20} lines)"
        lines = [*lines[:10], left_out, *lines[-10:]]
    return "\n".join(lines)


def sections(names, first, second):
    """Yield the document's parts, a heading whenever it changes."""
    heading = ""
    for line, (block, printed) in first.items():
        if "sudo " in block.text:  # about this machine's packages and services, not Camp's
            continue
        if block.heading != heading:
            heading = block.heading
            yield f"\n## {heading}\n"
        for note in block.notes:
            if (event := DEVELOPER_EVENTS.get(note)) and event.told:
                yield f"\n{event.told}\n"
        yield f"\n```sh\n{block.text}\n```\n"
        if block.typed:
            yield f"```{block.typed.language}\n{block.typed.text}\n```\n"
        yield output(names[0], printed)
        if line in second:
            other = second[line][1]
            same = alike(other) == alike(printed)
            yield f"{names[1]}: the same.\n" if same else output(names[1], other)


def output(name, printed):
    """Return one output with the name of the machine."""
    return f"{name}:\n```text\n{printed}\n```\n" if printed else f"{name}: nothing.\n"


def alike(printed):
    """Return an output without what differs from one run to the next."""
    return re.sub(r"[\d.,:]+|\b[0-9a-f-]{8,}\b", "#", re.sub(r"\s+", " ", printed))


if __name__ == "__main__":
    main()
