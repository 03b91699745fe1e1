"""What to see to, on the front page of the admin: the same findings as `doctor`'s."""

from django.utils import translation

from camp.cache.manager import cached
from camp.operations.diagnostics import registry
from camp.web.findings import ERROR, OK, Finding

PERMISSION = "camp.view_instance"
EXPIRE = 120  # seconds that what was mended may still be shown
PATIENCE = 3.0  # seconds


def list_problems(user):
    """Return the Findings that are not well, the worst first; None if not for this person."""
    if not user.has_perm(PERMISSION):
        return None
    key = f"findings:{translation.get_language()}"
    found = cached(key, EXPIRE, find)
    wanting = [Finding(**values) for values in found if values["level"] != OK]
    return sorted(wanting, key=lambda finding: finding.level != ERROR)


def find():
    """Return all findings as dicts, which is how the cache takes them."""
    found = registry.gather(patience=PATIENCE, thorough=False)
    return [finding.as_dict() for finding in found]
