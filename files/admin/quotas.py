"""Quotas of single users in the admin."""

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from camp.admin.export import exported
from camp.admin.model_admin import CampModelAdmin
from camp.config.env import parse_size
from camp.templatetags.camp import readable_bytes
from files.library import quota as quotas
from files.models import Quota


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
    search_fields = ["user__username_key__contains", "user__email_key__contains", "user__email"]
    autocomplete_fields = ["user"]

    @exported("limit", gettext_lazy("room in bytes"))
    @admin.display(description=gettext_lazy("room"), ordering="limit")
    def room(self, quota):
        """Return the limit as text."""
        return _("no limit") if quota.limit is None else readable_bytes(quota.limit)

    @exported(lambda quota: quotas.bytes_used(quota.user), gettext_lazy("used bytes"))
    @admin.display(description=gettext_lazy("used"))
    def used(self, quota):
        """Return the size of the user's files."""
        return readable_bytes(quotas.bytes_used(quota.user))
