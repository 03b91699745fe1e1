"""Findings: what is well here and what is not, for `doctor`, checks and pages.

camp.operations.diagnostics finds them. Pages show some and may not import operations, so
camp.apps hands the functions for that to `use`.
"""

from dataclasses import asdict, dataclass

from django.utils.translation import gettext as _

OK, WARNING, ERROR = "ok", "warning", "error"
LEVELS = (OK, WARNING, ERROR)

_sources = {}


@dataclass(frozen=True)
class Finding:
    """What one thing is like, in the reader's language.

    `title` is without a full stop, `detail` whole sentences. `fix` is the command or the
    step that mends it. `id` names the thing looked at, whatever it is like; `check` is the
    id of the system check that tells of it.
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
    """Return what a Finding says as whole sentences, without what mends it."""
    if not finding.detail:
        return _("%(title)s.") % {"title": finding.title}
    return _("%(title)s. %(detail)s") % {"title": finding.title, "detail": finding.detail}


def with_fix(finding):
    """Return the same, followed by the command."""
    if not finding.fix:
        return sentence(finding)
    mend = _("Mend it with: %(fix)s") % {"fix": finding.fix}
    return _("%(sentence)s %(more)s") % {"sentence": sentence(finding), "more": mend}


def ok(id, title, detail=""):
    """Return a Finding of something that is well."""
    return Finding(id, OK, title, detail)


def warning(id, title, detail="", fix="", check=""):
    """Return a Finding of something to see to before it hurts."""
    return Finding(id, WARNING, title, detail, fix, check)


def error(id, title, detail="", fix="", check=""):
    """Return a Finding of something that does not work, or is dangerous."""
    return Finding(id, ERROR, title, detail, fix, check)


def use(*, explain, list_problems):
    """Set what finds the problems that pages show.

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
