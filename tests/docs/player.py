"""A reader who types what a document says, block by block, and sees what it prints."""

import os
import pty
import re
import select
import subprocess
import time

from tests.docs import markdown

# What commands ask at a terminal, and what the reader answers.
ANSWERS = {
    r"Type the name of the database \((.+?)\) to go on: $": r"\1",
    r"User ?name: $": "organiser",
    r"E-mail(?: address)?: $": "organiser@example.org",
    r"Password(?: \(again\))?: ?$": "a good long password",
}
ARCHIVE = re.compile(
    r"(?P<folder>[\w/.-]*)/backup_\d{8}_\d{6}(?P<kind>(?:_portable)?\.(?:tar|sql))"
)
READY = "Stop it with Ctrl-C."  # the last line of `up`
PATIENCE = 90


def answer(printed):
    """Return what the reader types after what was printed, as bytes; mostly nothing."""
    for question, reply in ANSWERS.items():
        if asked := re.search(question, printed):
            return f"{asked.expand(reply)}\n".encode()
    return b""


class Player:
    """Types the blocks of a document in a Box, as `user` in `folder`.

    `told` is what was typed and printed, for people. A block with the note `background`
    runs on, as in a terminal of its own, until `ctrl-c`; one with `fails` must fail. With
    `write` settings are added to `.env.local`. The other notes say what has happened to the
    reader before: `events` has an Event for each, or a function. What is exported stays so.
    """

    def __init__(self, box, *, user="root", folder="/", events=None):
        self.box = box
        self.user = user
        self.folder = folder
        self.events = events or {}
        self.exported = []
        self.told = []
        self.background = []

    def play(self, blocks):
        """Type all blocks for this system; raises AssertionError at the first that fails."""
        for block in blocks:
            if block.language == "sh" or "write" in block.notes:
                self.type(block)

    def type(self, block):
        """Type one block and compare what it prints with what the document shows."""
        for note in block.notes:
            if note == "ctrl-c":
                self.stop()
            if note in self.events:
                self.meet(self.events[note])
        text = block.text
        if "write" in block.notes:
            text = f"cat >> .env.local << 'END'\n{text}\nEND"
        if "background" in block.notes:
            code, printed = 0, self.begin(text, block.printed or READY)
        else:
            code, printed = self.run(text, block.typed.text if block.typed else None)
        self.told.append((block, code, printed))
        assert bool(code) == ("fails" in block.notes), f"{block}:\n{text}\n{printed}"
        assert "ERROR:" not in printed, f"{block}:\n{text}\n{printed}"
        for line in markdown.pattern(block.printed):
            assert re.search(line, printed), (
                f"{block} shows:\n{block.printed}\nIt printed:\n{printed}"
            )
        self.exported += re.findall(r"^(?:export|unset) .*$", text, re.MULTILINE)

    def meet(self, event):
        """Have happen what happens before a block."""
        if callable(event):
            event()
        else:
            self.box.run(event.script, user=self.user, folder=self.folder)

    def words(self, text):
        """Return the words that run a script as the reader, or as root where it says sudo."""
        user = "root" if "sudo " in text else self.user
        script = with_real_names("\n".join([*self.exported, text]))
        return self.box.command(
            "bash", "-euo", "pipefail", "-c", script, user=user, folder=self.folder
        )

    def run(self, text, typed):
        """Run a script at a terminal; returns (exit code, what it printed)."""
        if typed is not None:
            done = subprocess.run(
                self.words(text),
                env=self.box.environment,
                input=typed + "\n",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=PATIENCE,
            )
            return done.returncode, done.stdout
        terminal, end = pty.openpty()
        try:
            process = subprocess.Popen(
                self.words(text),
                env=self.box.environment,
                stdin=end,
                stdout=end,
                stderr=end,
                start_new_session=True,
            )
            os.close(end)
            return self.watch(process, terminal)
        finally:
            os.close(terminal)

    def watch(self, process, terminal):
        """Answer what a process asks at a terminal, until it ends."""
        printed, deadline = b"", time.monotonic() + PATIENCE
        while True:
            if time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"It does not end:\n{printed.decode()}")
            if terminal in select.select([terminal], [], [], 0.1)[0]:
                try:
                    printed += os.read(terminal, 65536)
                except OSError:  # everybody has closed it
                    break
                os.write(terminal, answer(printed.decode(errors="replace")))
            elif process.poll() is not None:
                break
        return process.wait(10), printed.decode(errors="replace").replace("\r\n", "\n")

    def begin(self, text, printed):
        """Start what stays running; returns when it has printed what the document shows."""
        process = subprocess.Popen(
            self.words(text),
            env=self.box.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.background.append(process)
        wanted, seen = markdown.pattern(printed), ""
        while not all(re.search(line, seen) for line in wanted):
            line = process.stdout.readline()
            assert line, f"It ended:\n{seen}"
            seen += line
        return seen

    def stop(self):
        """Press Ctrl-C in every terminal where something still runs."""
        for process in self.background:
            os.killpg(process.pid, 2)
            process.communicate(timeout=30)
        self.background.clear()


def with_real_names(script):
    """Return a script that takes the newest backup for each that a document names."""
    return ARCHIVE.sub(r"$(ls \g<folder>/backup_????????_??????\g<kind> | tail -1)", script)
