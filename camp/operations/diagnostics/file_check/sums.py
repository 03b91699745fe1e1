"""Does what people are shown of the room they take up agree with the rows?

Only that is kept beside the rows, for a minute at most. Whether there is room for an upload
is computed from the rows each time, so a quota cannot go wrong by it.
"""

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.cache.manager import cache_manager
from camp.operations.diagnostics.file_check.shared import batches, mend_command
from camp.web.findings import ok, warning
from files.library import quota

ID = "files.sums"


def look(*, fix):
    """Yield whether the sums that are kept are right; with `fix` wrong ones are forgotten."""
    kept = wrong = 0
    for batch in batches(get_user_model().objects.all()):
        known = {row.pk: cache_manager.get_sync(quota.usage_cache_key(row.pk)) for row in batch}
        known = {pk: value for pk, value in known.items() if value is not None}
        kept += len(known)
        sums = quota.usage_of(list(known))
        for pk, value in known.items():
            if value != sums[pk] and is_wrong(pk):
                wrong += 1
                if fix:
                    quota.forget_usage(pk)
    yield told(kept, wrong, fix)


def is_wrong(pk):
    """Return whether the sum of somebody is wrong still: an upload may just have come."""
    value = cache_manager.get_sync(quota.usage_cache_key(pk))
    return value is not None and value != quota.usage_of([pk])[pk]


def told(kept, wrong, fix):
    """Return the Finding."""
    detail = _("Quotas go by the rows, never by a sum that is kept.")
    if not wrong:
        title = _("The sums of room taken up agree with the rows (kept: %(count)s)")
        return ok(ID, title % {"count": kept}, detail)
    if fix:
        title = ngettext(
            "%(count)s wrong sum of room taken up was forgotten",
            "%(count)s wrong sums of room taken up were forgotten",
            wrong,
        )
        return ok(ID, title % {"count": wrong}, detail)
    title = ngettext(
        "%(count)s sum of room taken up does not agree with the rows",
        "%(count)s sums of room taken up do not agree with the rows",
        wrong,
    )
    return warning(ID, title % {"count": wrong}, detail, mend_command())
