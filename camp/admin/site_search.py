"""One search across the tables of the admin."""

from dataclasses import dataclass, field

from django.contrib.admin.utils import quote
from django.db import OperationalError
from django.urls import reverse
from django.utils.http import urlencode

from camp.db.statement_timeout import is_timeout

SHOWN = 5  # rows of a table


@dataclass
class TableResults:
    """What was found in a table."""

    name: str
    rows: list = field(default_factory=list)  # (label, address of the row's page)
    more_url: str = ""  # of the list with all of them
    is_stopped: bool = False  # it took too long


def search_tables(site, request, text):
    """Return TableResults for each table with `in_site_search` that the reader may view.

    Each is searched as by its list.
    """
    admins = [
        one
        for one in site._registry.values()
        if getattr(one, "in_site_search", False) and one.has_view_permission(request)
    ]
    return [search_table(one, request, text) for one in admins] if text else []


def search_table(model_admin, request, text):
    """Return the TableResults of one table."""
    opts = model_admin.opts
    results = TableResults(opts.verbose_name_plural)
    try:
        rows = model_admin.first_matches(request, text, SHOWN + 1)
    except OperationalError as error:
        if not is_timeout(error):
            raise
        results.is_stopped = True
        return results
    label = getattr(model_admin, "autocomplete_label", str)
    name = f"{model_admin.admin_site.name}:{opts.app_label}_{opts.model_name}_change"
    results.rows = [(label(row), reverse(name, args=[quote(row.pk)])) for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        results.more_url = model_admin.list_url(f"?{urlencode({'q': text})}")
    return results
