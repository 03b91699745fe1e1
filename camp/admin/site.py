"""The admin site: Django's, with Camp's log-in, scalable lists and a front page."""

from datetime import date
from functools import update_wrapper

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.urls import get_script_prefix, path, resolve, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from camp.admin.dashboard import (
    FRONT_PAGE_EXPIRE,
    FRONT_PAGE_KEY,
    FrontPage,
    Series,
    first_day,
)
from camp.admin.limits import answer_in_turn, refuse_search
from camp.admin.site_search import search_tables
from camp.web.days import start_of_day
from camp.web.findings import problem_computation
from camp.web.shared_results import Computation, get_results

SUGGESTED = 100  # rows that an autocomplete field offers


class AutocompleteView(AutocompleteJsonView):
    """Django's view, with an optional `autocomplete_label(row)` of the ModelAdmin.

    It tells apart rows with the same name.
    """

    def get_queryset(self):
        """Return the first SUGGESTED rows that are found, as a list."""
        return self.model_admin.first_matches(self.request, self.term, SUGGESTED)

    def get_paginator(self, *args, **kwargs):
        """Return Django's paginator, which can count a list."""
        return Paginator(*args, **kwargs)

    def serialize_result(self, obj, to_field_name):
        label = getattr(self.model_admin, "autocomplete_label", str)
        return super().serialize_result(obj, to_field_name) | {"text": label(obj)}


class CampAdminSite(admin.AdminSite):
    """Django's admin site with Camp's front page.

    ModelAdmins contribute to the front page (see camp.admin.dashboard), and `related_counts` (see
    camp.admin.model_admin.RelatedCount).
    """

    site_title = _("Camp admin")
    site_header = _("Camp admin")
    index_title = _("Overview")

    def offers(self, request, hook):
        """Yield the method `hook` of each admin that defines it and whose table may be viewed."""
        for model_admin in self._registry.values():
            if hasattr(model_admin, hook) and model_admin.has_view_permission(request):
                yield getattr(model_admin, hook)

    def index(self, request, extra_context=None):
        """Show the front page."""
        first, zone = first_day(), timezone.get_current_timezone_name()
        computations = [
            Computation(f"{FRONT_PAGE_KEY}numbers", FRONT_PAGE_EXPIRE, self.count_numbers),
            Computation(
                f"{FRONT_PAGE_KEY}days:{zone}",
                FRONT_PAGE_EXPIRE,
                lambda: self.count_days(zone, first),
            ),
        ]
        problems = problem_computation(request.user)
        results = get_results([*computations, *([problems] if problems else [])])
        numbers, days = (result.value or {} for result in results[:2])
        context = {
            "front": FrontPage(
                self.figures(request, numbers), self.series(request, days), first, results[:2]
            ),
            "problems": results[2] if problems else None,
        }
        return super().index(request, context | (extra_context or {}))

    def count_numbers(self):
        """Return {table: numbers} for the front page, whoever reads it."""
        return {
            one.opts.label_lower: one.front_page_numbers()
            for one in self._registry.values()
            if hasattr(one, "front_page_numbers")
        }

    def count_days(self, zone, first):
        """Return {table: {date: rows}} from the date `first` on, in a time zone."""
        with timezone.override(zone):
            return {
                one.opts.label_lower: {
                    day.isoformat(): count
                    for day, count in one.front_page_days(start_of_day(first)).items()
                }
                for one in self._registry.values()
                if hasattr(one, "front_page_days")
            }

    def figures(self, request, numbers):
        """Return the Figures of the tables that the reader may view."""
        return [
            figure
            for one in self._registry.values()
            if one.opts.label_lower in numbers and one.has_view_permission(request)
            for figure in one.front_page_figures(numbers[one.opts.label_lower])
        ]

    def series(self, request, days):
        """Return the Series of the tables that the reader may view."""
        return [
            Series(
                str(one.front_page_days_label),
                {date.fromisoformat(day): n for day, n in days[one.opts.label_lower].items()},
            )
            for one in self._registry.values()
            if one.opts.label_lower in days and one.has_view_permission(request)
        ]

    def get_app_list(self, request, app_label=None):
        """Return the tables by app, Camp's own first, in settings order."""
        order = [config.label for config in apps.get_app_configs()]
        app_list = super().get_app_list(request, app_label)
        return sorted(app_list, key=lambda app: order.index(app["app_label"]))

    def get_urls(self):
        """Return the URLs without `view_on_site`, which would reveal session IDs."""
        urls = [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]
        return [path("search/", self.admin_view(self.search_view), name="search"), *urls]

    @method_decorator(require_safe)
    def search_view(self, request):
        """Show the first matches of `q` in each table."""
        text = request.GET.get("q", "").strip()
        refusal = refuse_search(request, text)
        if refusal:
            return refusal
        results = search_tables(self, request, text)
        context = {
            **self.each_context(request),
            "title": _("Search"),
            "subtitle": None,
            "site_query": text,
            "results": results,
            "nothing": text and not any(one.rows or one.is_stopped for one in results),
        }
        return TemplateResponse(request, "admin/search.html", context)

    def admin_view(self, view, cacheable=False):
        """Guard a view; logged-in people who are not organisers get an explanation."""
        guarded = super().admin_view(view, cacheable)

        def inner(request, *args, **kwargs):
            if request.user.is_authenticated and not self.has_permission(request):
                return self.refuse(request)
            return answer_in_turn(guarded, request, *args, **kwargs)

        return update_wrapper(inner, guarded)

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request, extra_context=None):
        """Redirect to Camp's own log-in page."""
        index = reverse("admin:index", current_app=self.name)
        address = resolve_url(settings.LOGIN_URL)
        query = request.GET.copy()
        query.setdefault(REDIRECT_FIELD_NAME, index)
        if request.method == "POST":
            request.GET = query
            return login_view(address)(request)
        if self.has_permission(request):
            return HttpResponseRedirect(index)
        if request.user.is_authenticated:
            return self.refuse(request)
        return redirect(f"{address}?{query.urlencode()}")

    def autocomplete_view(self, request):
        """Answer the search of an autocomplete field."""
        refusal = refuse_search(request, request.GET.get("term", ""))
        return refusal or AutocompleteView.as_view(admin_site=self)(request)

    def password_change(self, request, extra_context=None):
        """Redirect to the site's own page for changing passwords."""
        return redirect("accounts:password_change")

    def refuse(self, request):
        """Return 403 with a page that says who may come in, instead of another log-in page."""
        return TemplateResponse(request, "admin/not_organiser.html", status=403)


def login_view(address):
    """Return the view at the log-in address."""
    return resolve("/" + address.removeprefix(get_script_prefix())).func
