"""Findings of diagnostics, for `doctor`, system checks and pages.

camp.operations.diagnostics makes them. Pages may not import operations, so camp.apps passes
the functions that they need to `use`.
"""

from dataclasses import asdict, dataclass

from django.utils.translation import gettext as _

OK, WARNING, ERROR = "ok", "warning", "error"
LEVELS = (OK, WARNING, ERROR)

_sources = {}


@dataclass(frozen=True)
class Finding:
    """The state of one thing, in the reader's language.

    `title` has no full stop, `detail` is whole sentences, `fix` the command or setting that
    fixes it. `id` names the thing, whatever its state; `check` is the id of the system check
    that reports it.
    """

    id: str
    level: str
    title: str
    detail: str = ""
    fix: str = ""
    check: str = ""

    def as_dict(self):
        """Return the finding for programs."""
        return asdict(self)


def sentence(finding):
    """Return a Finding as whole sentences, without its fix."""
    if not finding.detail:
        return _("%(title)s.") % {"title": finding.title}
    return _("%(title)s. %(detail)s") % {"title": finding.title, "detail": finding.detail}


def with_fix(finding):
    """Return a Finding as whole sentences with its fix."""
    if not finding.fix:
        return sentence(finding)
    fix = _("Fix: %(fix)s") % {"fix": finding.fix}
    return _("%(sentence)s %(more)s") % {"sentence": sentence(finding), "more": fix}


def ok(id, title, detail=""):
    """Return a Finding without a problem."""
    return Finding(id, OK, title, detail)


def warning(id, title, detail="", fix="", check=""):
    """Return a Finding of something to act on soon."""
    return Finding(id, WARNING, title, detail, fix, check)


def error(id, title, detail="", fix="", check=""):
    """Return a Finding of something that is broken or dangerous."""
    return Finding(id, ERROR, title, detail, fix, check)


def use(*, explain, list_problems):
    """Set the functions that find the problems.

    `explain(error)` returns the Finding for a database error; `list_problems(user)` returns
    the Findings for the admin's front page, or None if they are not for that person.
    """
    _sources.update(explain=explain, list_problems=list_problems)


def explain(error):
    """Return the Finding for a database error."""
    return _sources["explain"](error)


def list_problems(user):
    """Return the Findings for the admin's front page, or None if they are not for `user`."""
    return _sources["list_problems"](user)
