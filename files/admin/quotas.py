"""Quotas of single users in the admin."""

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from camp.admin.model_admin import CampModelAdmin, CappedCount
from camp.admin.search import OWNER_FIELDS
from camp.config.env import parse_size
from camp.templatetags.camp import readable_bytes
from files.admin.usage import readable_usage, usage_of_page
from files.models import File, Quota


class SizeField(forms.CharField):
    """A number of bytes, typed as `10G`, `500M` or plain; empty for None."""

    def prepare_value(self, value):
        """Return a number of bytes in the largest unit that gives a whole number."""
        if not isinstance(value, int):
            return value
        for unit in ("T", "G", "M", "K"):
            size = parse_size(f"1{unit}")
            if value and value % size == 0:
                return f"{value // size}{unit}"
        return str(value)

    def to_python(self, value):
        text = super().to_python(value)
        if not text:
            return None
        try:
            return 0 if text == "0" else parse_size(text)
        except ValueError:
            raise forms.ValidationError(
                _("Give a size such as 500M or 10G."), code="invalid"
            ) from None


class QuotaForm(forms.ModelForm):
    """A user and a quota."""

    limit = SizeField(
        label=gettext_lazy("Room"),
        required=False,
        help_text=gettext_lazy("Such as 500M or 10G; empty for no limit."),
    )

    class Meta:
        model = Quota
        fields = ["user", "limit"]


@admin.register(Quota)
class QuotaAdmin(CampModelAdmin):
    """Quotas of single users; all others have USER_QUOTA."""

    form = QuotaForm
    list_display = ["user", "room", "used"]
    list_select_related = ["user"]
    search_fields = OWNER_FIELDS
    ordering = ["-user"]
    autocomplete_fields = ["user"]

    @admin.display(description=gettext_lazy("room"))
    def room(self, quota):
        """Return the limit as text."""
        return _("no limit") if quota.limit is None else readable_bytes(quota.limit)

    def get_queryset(self, request):
        """Return the quotas with the number of the user's files."""
        count = CappedCount(File.objects, "user")
        return super().get_queryset(request).annotate(files_kept=count)

    def complete_rows(self, request, rows):
        """Add up the files of the users of a page."""
        usage = usage_of_page(rows)
        for row in rows:
            row.bytes_used = usage[row.pk]

    @admin.display(description=gettext_lazy("used"))
    def used(self, quota):
        """Return the size of the user's files."""
        return readable_usage(quota.bytes_used)
