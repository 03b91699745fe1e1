"""Findings of the diagnostics, shown by `doctor`, system checks and pages.

They come from camp.operations.diagnostics. Pages that show some may not import operations, so
camp.apps passes the functions to `use`.
"""

from dataclasses import asdict, dataclass

from django.utils.translation import gettext as _

OK, WARNING, ERROR = "ok", "warning", "error"
LEVELS = (OK, WARNING, ERROR)

_sources = {}


@dataclass(frozen=True)
class Finding:
    """The state of one thing that was checked, in the reader's language.

    title: without a full stop
    detail: whole sentences
    fix: the command or step that fixes it
    id: identifies the thing, whatever its state
    check: id of the system check that reports it
    """

    id: str
    level: str
    title: str
    detail: str = ""
    fix: str = ""
    check: str = ""

    def as_dict(self):
        """Return the finding as a dict for JSON."""
        return asdict(self)


def format_finding(finding):
    """Return a finding as whole sentences, without its fix."""
    if not finding.detail:
        return _("%(title)s.") % {"title": finding.title}
    return _("%(title)s. %(detail)s") % {"title": finding.title, "detail": finding.detail}


def format_with_fix(finding):
    """Return a finding as whole sentences, followed by its fix."""
    if not finding.fix:
        return format_finding(finding)
    fix = _("Fix: %(fix)s") % {"fix": finding.fix}
    return _("%(sentence)s %(more)s") % {"sentence": format_finding(finding), "more": fix}


def ok(id, title, detail=""):
    """Return a Finding of something that works."""
    return Finding(id, OK, title, detail)


def warning(id, title, detail="", fix="", check=""):
    """Return a Finding of something that needs attention."""
    return Finding(id, WARNING, title, detail, fix, check)


def error(id, title, detail="", fix="", check=""):
    """Return a Finding of something that is broken or dangerous."""
    return Finding(id, ERROR, title, detail, fix, check)


def use(*, explain, problem_computation):
    """Set the functions behind the findings on pages.

    `explain(error)` returns the Finding for a database error;
    `problem_computation(user)` returns the Computation of the Findings for the admin's front page,
    as dicts, or None if they are not for that person.
    """
    _sources.update(explain=explain, problem_computation=problem_computation)


def explain(error):
    """Return the Finding for a database error."""
    return _sources["explain"](error)


def problem_computation(user):
    """Return the Computation of the front page's Findings, or None if they are not for `user`."""
    return _sources["problem_computation"](user)
