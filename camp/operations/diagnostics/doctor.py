"""What `manage.py doctor` prints: one line for each finding, or JSON for scripts."""

import json
import sys
from dataclasses import dataclass

from django.core.management import CommandError
from django.core.management.color import no_style
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.diagnostics import registry
from camp.web import findings
from camp.web.findings import ERROR, LEVELS, OK, WARNING, Finding

MARKS = {OK: "✓", WARNING: "!", ERROR: "✗"}
PLAIN_MARKS = {OK: "+", WARNING: "!", ERROR: "x"}
ARROW, PLAIN_ARROW = "→", "->"


class Printer:
    """Words findings for a stream, which may not be able to show every letter."""

    def __init__(self, stream, style):
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        beautiful = self._shows("".join([*MARKS.values(), ARROW]))
        self._marks = MARKS if beautiful else PLAIN_MARKS
        self._arrow = ARROW if beautiful else PLAIN_ARROW
        self._paint = {OK: style.SUCCESS, WARNING: style.WARNING, ERROR: style.ERROR}

    def line(self, finding):
        """Return a Finding as one line."""
        text = findings.format_finding(finding) if finding.detail else finding.title
        if finding.fix:
            text = f"{text} {self._arrow} {finding.fix}"
        mark = self._paint[finding.level](self._marks[finding.level])
        return f"{mark} {self._printable(' '.join(text.split()))}"

    def _shows(self, text):
        try:
            text.encode(self._encoding)
        except (LookupError, UnicodeEncodeError):
            return False
        return True

    def _printable(self, text):
        if self._shows(text):
            return text
        return text.encode("ascii", "backslashreplace").decode()


@dataclass(frozen=True)
class Asked:
    """A check-up that somebody asks for, and the options that they gave it."""

    name: str
    options: dict


def add_check_ups(parser):
    """Have a command take a flag for each check-up, and the options of each."""
    for check_up in registry.check_ups():
        group = parser.add_argument_group(f"with --{check_up.name}")
        parser.add_argument(f"--{check_up.name}", action="store_true", help=check_up.help)
        for flag, keywords in check_up.options:
            group.add_argument(flag, **keywords)


def asked(options):
    """Return what was Asked for with such options of a command, or None."""
    found = None
    for check_up in registry.check_ups():
        names = [flag.removeprefix("--") for flag, _keywords in check_up.options]
        given = {name: options[name] for name in names}
        if options[check_up.name]:
            found = Asked(check_up.name, given)
        elif lone := [name for name in names if given[name]]:
            sentence = _("--%(option)s needs --%(name)s.")
            raise CommandError(sentence % {"option": lone[0], "name": check_up.name})
    return found


def is_well(found):
    """Return whether nothing among the Findings is an error."""
    return all(finding.level != ERROR for finding in found)


def counts(found):
    """Return {level: how many Findings have it}."""
    return {level: sum(finding.level == level for finding in found) for level in LEVELS}


def summary(found):
    """Return the last line, for a person."""
    number = counts(found)
    if not number[ERROR] and not number[WARNING]:
        return _("Everything is well.")
    wrong = ngettext("%(count)s fault", "%(count)s faults", number[ERROR])
    warned = ngettext("%(count)s warning", "%(count)s warnings", number[WARNING])
    return _("%(faults)s, %(warnings)s.") % {
        "faults": wrong % {"count": number[ERROR]},
        "warnings": warned % {"count": number[WARNING]},
    }


def to_json(found):
    """Return the findings and their summary for a script."""
    told = {
        "summary": {"healthy": is_well(found), **counts(found)},
        "findings": [finding.as_dict() for finding in found],
    }
    return json.dumps(told, ensure_ascii=True, indent=2)


def not_started(sentence, *, as_json):
    """Return what to print where Camp's settings are refused, and so nothing is looked into.

    Neither settings nor translations are there to be used.
    """
    found = [Finding("settings", ERROR, sentence)]
    return to_json(found) if as_json else Printer(sys.stdout, no_style()).line(found[0])
