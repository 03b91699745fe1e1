"""What a document asks its reader to type: its fenced blocks, in order.

The language of a fence says who types it: `sh` anybody, and the tests; `zsh` macOS;
`powershell` Windows. `text` right below is what is printed. `sql` and `python` below a
command are typed into the program that it opens. A comment above a block, which no
reader sees, may say more: `<!-- test: background -->`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
FENCE = re.compile(r"( *)```(\w*)\n(.*?)\n?\1```$", re.DOTALL | re.MULTILINE)
NOTE = re.compile(r"<!-- test: (.+?) -->\s*\Z")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TYPED = ("sql", "python")


@dataclass
class Block:
    """One fenced block; `notes` are the words of the comment above it."""

    language: str
    text: str
    line: int
    heading: str
    notes: list = field(default_factory=list)
    typed: "Block | None" = None  # what is typed into the program that it opens
    printed: str = ""  # what the document says it prints

    def __str__(self):
        return f"line {self.line} ({self.heading})"


def blocks(document):
    """Return the Blocks of a document, by default of the folder `docs`."""
    source = (DOCS / document).read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(source):
        before = source[: match.start()]
        note = NOTE.search(before)
        indent, language, text = match.groups()
        block = Block(
            language,
            re.sub(f"^{indent}", "", text, flags=re.MULTILINE),
            before.count("\n") + 1,
            HEADING.findall(re.sub(FENCE, "", before))[-1],
            note[1].split() if note else [],
        )
        last = found[-1] if found else None
        if language == "text" and last:
            last.printed = block.text
        elif language in TYPED and last and last.language == "sh" and "alone" not in block.notes:
            last.typed = block
        else:
            found.append(block)
    return found


def commands(text):
    """Return the lines of a block, continued ones joined, without comments."""
    joined = re.sub(r" +# .*", "", re.sub(r"[\\`]\n\s*", " ", text))
    return [line for line in joined.splitlines() if line and not re.match(r"\s*(#|--)", line)]


def pattern(printed):
    """Return what a document shows of an output as a regular expression, line by line.

    Numbers, dates and sizes are those of another day; "…" stands for anything.
    """
    lines = []
    for line in filter(str.strip, printed.splitlines()):
        escaped = re.escape(line.strip())
        escaped = re.sub(r"(\\?[\d,.]|\\-|:)*\d(\\?[\d,.]|\\-|:)*", r"[-\\d.,:]+", escaped)
        escaped = re.sub(r"(\\ )+", r"\\s+", escaped)
        lines.append(escaped.replace("…", ".*"))
    return lines
