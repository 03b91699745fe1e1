"""What to see to, on the front page of the admin: the same findings as `doctor`'s."""

from django.utils import translation

from camp.cache import cached
from camp.findings import ERROR, OK, registry

PERMISSION = "camp.view_instance"
EXPIRE = 120  # seconds that what was mended may still be shown
PATIENCE = 3.0  # seconds


def to_see_to(user):
    """Return the Findings that are not well, the worst first; None if not for this person."""
    if not user.has_perm(PERMISSION):
        return None
    key = f"findings:{translation.get_language()}"
    found = cached(key, EXPIRE, lambda: registry.gather(patience=PATIENCE, thorough=False))
    wanting = [finding for finding in found if finding.level != OK]
    return sorted(wanting, key=lambda finding: finding.level != ERROR)
