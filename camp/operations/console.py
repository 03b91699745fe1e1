"""Progress of long commands: a line that is redrawn in a terminal, else one line at the end."""

import io
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _

from camp.templatetags.camp import readable_bytes

REDRAW_SECONDS = 0.1

Say = Callable[[str], object]  # prints a line


class Progress:
    """A context manager whose `add` counts the work that is done.

    `stream` is where to print, such as a command's stdout, or None to print nothing; `total` is 0
    if it is unknown; `unit` is "bytes" or a translated word such as _("rows").
    """

    def __init__(
        self, stream: TextIO | None, total: int = 0, label: str = "", unit: str = "bytes"
    ) -> None:
        self.done = 0
        self._stream = stream = stream or io.StringIO()
        self._total = total
        self._label = label
        self._unit = unit
        self._at_terminal = stream.isatty()
        self._start = self._next_draw = time.monotonic()
        self._width = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._at_terminal:
            self._draw()
            self._write("\n")
        elif kind is None:
            self._write(f"{self._label}: {self._finished()}\n")

    def add(self, amount: int) -> None:
        """Count work that was done."""
        self.done += amount
        if self._at_terminal and time.monotonic() >= self._next_draw:
            self._draw()

    def _draw(self) -> None:
        self._next_draw = time.monotonic() + REDRAW_SECONDS
        line = f"{self._label}: {self._state()}"
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def _state(self) -> str:
        """Return how much is done, how fast, and the remaining time."""
        if not self._total:
            return self._finished()
        share = min(self.done / self._total, 1)
        words = [
            f"{share:4.0%}",
            _("%(done)s of %(total)s")
            % {"done": self._amount(self.done), "total": self._amount(self._total)},
            self._speed(),
        ]
        if 0 < share < 1:
            left = self._seconds() * (1 - share) / share
            words.append(_("%(time)s left") % {"time": format_duration(left)})
        return ", ".join(words)

    def _finished(self) -> str:
        return f"{self._amount(self.done)}, {format_duration(self._seconds())}, {self._speed()}"

    def _speed(self) -> str:
        return f"{self._amount(self.done / max(self._seconds(), 0.001))}/s"

    def _seconds(self) -> float:
        return time.monotonic() - self._start

    def _amount(self, number: float) -> str:
        return format_size(number) if self._unit == "bytes" else f"{number:,.0f} {self._unit}"

    def _write(self, text: str) -> None:
        if isinstance(self._stream, OutputWrapper):
            self._stream.write(text, ending="")
        else:
            self._stream.write(text)
        self._stream.flush()


def make_printer(stream: TextIO) -> Say:
    """Return a function that prints a line at once, so that it is seen before a slow step."""

    def say(line: str) -> None:
        stream.write(line)
        stream.flush()

    return say


def format_size(number: float) -> str:
    """Return a number of bytes as text, such as "2.3 GiB"."""
    # Not every console can show a no-break space.
    return readable_bytes(number).replace("\xa0", " ")


def format_duration(seconds: float) -> str:
    """Return a duration, such as 0:07 or 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
