"""The admin's deletion page, with related objects counted instead of listed.

Django's own page loads and prints every related object, which never finishes for a user with
100,000 messages.
"""

from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext

from camp.admin.dashboard import COUNTED, readable_capped_count
from camp.web.batch_deletion import find_dependents

LISTED = 25  # objects named on the confirmation page


def summarize_deletion(model_admin, objs, request):
    """Return the value of `ModelAdmin.get_deleted_objects` at a bounded cost.

    `objs` are the objects to delete, at most a page of a list. Related objects are counted with
    one query per table, up to COUNTED. An admin with `deletion_note(queryset, count,
    model, keys)` words its own line, for the deletion of the rows `keys` of `model`; one with
    `deleted_with_owner = True` requires no permission of its own.
    """
    objs = list(objs)
    model, keys = model_admin.model, [obj.pk for obj in objs]
    counts, needed = {}, set()
    if not all(model_admin.has_delete_permission(request, obj) for obj in objs):
        needed.add(model_admin.opts.verbose_name)
    for rows, count in count_rows(model, keys):
        opts, site = rows.model._meta, model_admin.admin_site
        other = site.get_model_admin(rows.model) if site.is_registered(rows.model) else None
        if count is None:
            if other:
                counts[opts.verbose_name_plural] = gettext("not counted")
        elif hasattr(other, "deletion_note"):
            counts[opts.verbose_name_plural] = other.deletion_note(rows, count, model, keys)
        else:
            counts[opts.verbose_name_plural] = readable_capped_count(count)
        if other and not may_delete_dependents(other, request):
            needed.add(opts.verbose_name)
    return list_first(model_admin, objs, request), counts, needed, []


def count_rows(model, keys):
    """Yield (queryset, number) for the rows `keys` of `model` and each table of dependents.

    Tables without any are left out. The number is at most COUNTED + 1, and None for what depends on
    more rows than that: to find it would take long.
    """
    known, uncounted = set(), set()
    dependents = [one for one in find_dependents(model, keys) if not one[1]]
    dependents.sort(key=lambda one: one[2] is not model)  # the direct ones first
    for rows, _column, parent in [(model._base_manager.filter(pk__in=keys), "", None), *dependents]:
        count = None
        if parent not in uncounted:
            count = rows.order_by()[: COUNTED + 1].count()
        elif rows.model in known:
            continue
        known.add(rows.model)
        if count is None or count > COUNTED:
            uncounted.add(rows.model)
        if count != 0:
            yield rows, count


def may_delete_dependents(model_admin, request):
    """Return whether rows of this admin's table may be deleted with their owner."""
    return getattr(model_admin, "deleted_with_owner", False) or model_admin.has_delete_permission(
        request
    )


def list_first(model_admin, objs, request):
    """Return the first objects, as links if the reader may view them, and how many more."""
    opts = model_admin.opts
    may_view = model_admin.has_view_permission(request)
    lines = []
    for obj in objs[:LISTED]:
        try:
            name = f"{model_admin.admin_site.name}:{opts.app_label}_{opts.model_name}_change"
            url = reverse(name, args=[quote(obj.pk)])
        except NoReverseMatch:
            url = ""
        line = '{}: <a href="{}">{}</a>' if url and may_view else "{0}: {2}"
        lines.append(format_html(line, capfirst(opts.verbose_name), url, obj))
    rest = len(objs) - LISTED
    if rest > 0:
        lines.append(
            ngettext("… and %(count)d more", "… and %(count)d more", rest) % {"count": rest}
        )
    return lines
