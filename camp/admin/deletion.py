"""The admin's deletion page, with related objects counted instead of listed.

Django's own page loads and prints every related object, which never finishes for a user with
100,000 messages.
"""

from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import ngettext

from camp.web.batch_deletion import find_dependents

LISTED = 25  # objects named on the confirmation page


def summarize_deletion(model_admin, objs, request):
    """Return the value of `ModelAdmin.get_deleted_objects` at a bounded cost.

    `objs` are the objects to delete, at most a page of a list. Related objects are counted with
    one query per table. An admin with `deletion_note(queryset)` words its own line; one with
    `deleted_with_owner = True` requires no permission of its own.
    """
    objs = list(objs)
    counts, needed = {}, set()
    if not all(model_admin.has_delete_permission(request, obj) for obj in objs):
        needed.add(model_admin.opts.verbose_name)
    model, keys = model_admin.model, [obj.pk for obj in objs]
    dependents = [rows for rows, column in find_dependents(model, keys) if not column]
    for queryset in (model._base_manager.filter(pk__in=keys), *dependents):
        count = queryset.count()
        if not count:
            continue
        opts = queryset.model._meta
        counts[opts.verbose_name_plural] = number_format(count, force_grouping=True)
        if model_admin.admin_site.is_registered(queryset.model):
            other = model_admin.admin_site.get_model_admin(queryset.model)
            if hasattr(other, "deletion_note"):
                counts[opts.verbose_name_plural] = other.deletion_note(queryset)
            if not may_delete_dependents(other, request):
                needed.add(opts.verbose_name)
    return list_first(model_admin, objs), counts, needed, []


def may_delete_dependents(model_admin, request):
    """Return whether rows of this admin's table may be deleted with their owner."""
    return getattr(model_admin, "deleted_with_owner", False) or model_admin.has_delete_permission(
        request
    )


def list_first(model_admin, objs):
    """Return the first objects as links, and the number of the others."""
    opts = model_admin.opts
    lines = []
    for obj in objs[:LISTED]:
        try:
            name = f"{model_admin.admin_site.name}:{opts.app_label}_{opts.model_name}_change"
            url = reverse(name, args=[quote(obj.pk)])
        except NoReverseMatch:
            lines.append(str(obj))
        else:
            lines.append(
                format_html('{}: <a href="{}">{}</a>', capfirst(opts.verbose_name), url, obj)
            )
    rest = len(objs) - LISTED
    if rest > 0:
        lines.append(
            ngettext("… and %(count)d more", "… and %(count)d more", rest) % {"count": rest}
        )
    return lines
