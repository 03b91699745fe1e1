"""Shared links in the admin."""

from django.contrib import admin
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from camp.admin.export import exported
from camp.admin.filters.choices import ChosenFilter
from camp.admin.model_admin import CampModelAdmin, CappedCount
from camp.admin.search import OWNER_FIELDS
from camp.admin.visibility import link_to, may_view_rows
from files.models import File, Share


class ValidFilter(admin.SimpleListFilter):
    """Filter by whether a link works."""

    title = gettext_lazy("state")
    parameter_name = "valid"

    def lookups(self, request, model_admin):
        return [("yes", _("Valid")), ("no", _("Over"))]

    def queryset(self, request, queryset):
        if self.value() not in ("yes", "no"):
            return queryset
        if self.value() == "yes":
            return queryset.filter(pk__in=Share.objects.open().values("pk"))
        # Each half has an index.
        return queryset.filter(Q(expires_at__lte=timezone.now()) | Q(downloads__gte=F("limit")))


@admin.register(Share)
class ShareAdmin(CampModelAdmin):
    """Links to files, which can only be deleted; only their owners see the addresses."""

    list_display = ["name", "created_at", "expires_at", "use", "used_at", "has_password"]
    list_filter = [("user", ChosenFilter), ValidFilter, "created_at"]
    list_select_related = ["user"]
    search_fields = ["id__exact", "files__search_text__contains", *OWNER_FIELDS]
    sortable_by = ["created_at"]
    in_site_search = True
    ordering = ["-created_at", "-id"]
    fields = ["user", "created_at", "expires_at", "use", "used_at", "has_password"]
    readonly_fields = fields

    def get_queryset(self, request):
        """Return the links with the number of their files, and the first one."""
        links = super().get_queryset(request).prefetch_related(Share.first_files(1))
        return links.annotate(count=CappedCount(Share.files.through.objects, "share"))

    def get_list_display(self, request):
        name, *rest = super().get_list_display(request)
        return [name, link_to(self, request, "user"), *rest]

    def autocomplete_label(self, share):
        """Return the files and the user."""
        return f"{self.name(share)} ({share.user})"

    def has_add_permission(self, request):
        """Links are made by the owners of the files."""
        return False

    def has_change_permission(self, request, obj=None):
        """Only the owner decides about a link."""
        return False

    @admin.display(description=gettext_lazy("files"))
    def name(self, share):
        """Return the name of the first file, and how many more there are."""
        if not share.first:
            return _("no files any more")
        values = {"name": share.first[0].filename, "count": share.count - 1}
        if not values["count"]:
            return values["name"]
        sentence = ngettext(
            "%(name)s and %(count)s more", "%(name)s and %(count)s more", values["count"]
        )
        return sentence % values

    def get_fields(self, request, obj=None):
        """Return the fields, with the files after the user."""
        user, *rest = super().get_fields(request, obj)
        return [user, self.names_column(request), *rest]

    def names_column(self, request):
        """Return a field with the files, linked if the reader may view them."""
        place = f"{self.admin_site.name}:files_file_change"
        may_view = may_view_rows(self.admin_site, request, File)

        @admin.display(description=_("files"))
        def names(share):
            lines = ((reverse(place, args=[file.pk]), file.filename) for file in share.files.all())
            line = '<a href="{}">{}</a>' if may_view else "{1}"
            return format_html_join(mark_safe("<br>"), line, lines) or _("no files any more")

        return names

    @exported("downloads")
    @admin.display(description=gettext_lazy("downloads"), ordering="downloads")
    def use(self, share):
        """Return the downloads, and the limit."""
        if share.limit is None:
            return share.downloads
        return _("%(used)s of %(limit)s") % {"used": share.downloads, "limit": share.limit}

    @admin.display(description=gettext_lazy("password"), boolean=True)
    def has_password(self, share):
        """Return whether it has a password."""
        return bool(share.password)
