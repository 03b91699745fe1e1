"""How far a long command is: one line that renews itself at a terminal, else one at the end."""

import time

from django.core.management.base import OutputWrapper
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

# Seconds between two renewals of the line.
EVERY = 0.1


class Progress:
    """A context manager that is told of work with `add`.

    `stream` is where to print, such as a command's stdout; `total` how much there is to do,
    0 where nobody knows; `label` what is being done; `unit` what is counted: "bytes", or a
    word for a person, such as _("rows").
    """

    def __init__(self, stream, total, label, unit="bytes"):
        self.done = 0
        self._stream = stream
        self._total = total
        self._label = label
        self._unit = unit
        self._at_terminal = stream.isatty()
        self._begun = self._next = time.monotonic()
        self._width = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self._at_terminal:
            self._renew()
            self._write("\n")
        elif kind is None:
            self._write(f"{self._label}: {self._finished()}\n")

    def add(self, amount):
        """Count work that was done."""
        self.done += amount
        if self._at_terminal and time.monotonic() >= self._next:
            self._renew()

    def _renew(self):
        self._next = time.monotonic() + EVERY
        line = f"{self._label}: {self._state()}"
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def _state(self):
        """Return how much is done, how fast, and how long the rest takes."""
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
            words.append(_("%(time)s left") % {"time": clock(left)})
        return ", ".join(words)

    def _finished(self):
        return f"{self._amount(self.done)}, {clock(self._seconds())}, {self._speed()}"

    def _speed(self):
        return f"{self._amount(self.done / max(self._seconds(), 0.001))}/s"

    def _seconds(self):
        return time.monotonic() - self._begun

    def _amount(self, number):
        return size(number) if self._unit == "bytes" else f"{number:,.0f} {self._unit}"

    def _write(self, text):
        if isinstance(self._stream, OutputWrapper):
            self._stream.write(text, ending="")
        else:
            self._stream.write(text)
        self._stream.flush()


class Silent:
    """Stands where nobody wants to see how far it is."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        pass

    def add(self, amount):
        """Count nothing."""


def size(number):
    """Return a number of bytes in words for a person, such as "2.3 GB"."""
    # Not every console can show the space that does not break.
    return filesizeformat(number).replace("\xa0", " ")


def clock(seconds):
    """Return a span of time, such as 0:07 or 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
