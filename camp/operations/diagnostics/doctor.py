"""The output of `manage.py doctor`: one line for each finding, or JSON for scripts."""

import json
import sys
from typing import Any, TextIO

from django.core.management.color import no_style
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.web import findings
from camp.web.findings import ERROR, LEVELS, OK, WARNING, Finding

MARKS = {OK: "✓", WARNING: "!", ERROR: "✗"}
ASCII_MARKS = {OK: "+", WARNING: "!", ERROR: "x"}
ARROW, ASCII_ARROW = "→", "->"


class Printer:
    """Formats findings for a stream, whose encoding may lack some characters."""

    def __init__(self, stream: TextIO, style: Any) -> None:
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        has_symbols = self._can_encode("".join([*MARKS.values(), ARROW]))
        self._marks = MARKS if has_symbols else ASCII_MARKS
        self._arrow = ARROW if has_symbols else ASCII_ARROW
        self._paint = {OK: style.SUCCESS, WARNING: style.WARNING, ERROR: style.ERROR}

    def format(self, finding: Finding) -> str:
        """Return a Finding as one line."""
        text = findings.format_finding(finding) if finding.detail else finding.title
        if finding.fix:
            text = f"{text} {self._arrow} {finding.fix}"
        text = " ".join(text.split())
        if not self._can_encode(text):
            text = text.encode("ascii", "backslashreplace").decode()
        return f"{self._paint[finding.level](self._marks[finding.level])} {text}"

    def _can_encode(self, text: str) -> bool:
        try:
            text.encode(self._encoding)
        except (LookupError, UnicodeEncodeError):
            return False
        return True


def count_levels(found: list[Finding]) -> dict[str, int]:
    """Return {level: number of Findings}."""
    return {level: sum(finding.level == level for finding in found) for level in LEVELS}


def summarize(found: list[Finding]) -> str:
    """Return the last line of the report."""
    count = count_levels(found)
    if not count[ERROR] and not count[WARNING]:
        return _("No problems found.")
    errors = ngettext("%(count)s fault", "%(count)s faults", count[ERROR])
    warnings = ngettext("%(count)s warning", "%(count)s warnings", count[WARNING])
    return _("%(faults)s, %(warnings)s.") % {
        "faults": errors % {"count": count[ERROR]},
        "warnings": warnings % {"count": count[WARNING]},
    }


def to_json(found: list[Finding]) -> str:
    """Return the findings and their summary as JSON."""
    count = count_levels(found)
    report = {
        "summary": {"healthy": not count[ERROR], **count},
        "findings": [finding.as_dict() for finding in found],
    }
    return json.dumps(report, ensure_ascii=True, indent=2)


def format_settings_error(sentence: str, *, as_json: bool) -> str:
    """Return the report if Camp's settings are invalid and nothing can be checked.

    Uses neither settings nor translations.
    """
    finding = Finding("settings", ERROR, sentence)
    return to_json([finding]) if as_json else Printer(sys.stdout, no_style()).format(finding)
