"""Quotas of single users in the admin."""

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import BigIntegerField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from camp.admin.bulk_edit import confirmation_page
from camp.admin.dashboard import readable_number
from camp.admin.export import exported
from camp.admin.model_admin import CampModelAdmin, CappedCount
from camp.admin.search import OWNER_FIELDS
from camp.config.env import parse_size
from camp.templatetags.camp import readable_bytes
from files.admin.usage import readable_usage, usage_of_page
from files.library import quota
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
            size = 0 if text == "0" else parse_size(text)
        except ValueError:
            size = None
        if size is None or size > BigIntegerField.MAX_BIGINT:
            raise forms.ValidationError(_("Give a size such as 500M or 10G."), code="invalid")
        return size


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


class SetQuotaForm(forms.Form):
    """A quota for several users."""

    CHOICES = [
        ("own", gettext_lazy("A size of their own")),
        ("none", gettext_lazy("No limit")),
        ("default", gettext_lazy("What all others have")),
    ]

    kind = forms.ChoiceField(
        label=gettext_lazy("Room"), choices=CHOICES, initial="own", widget=forms.RadioSelect
    )
    size = SizeField(
        label=gettext_lazy("Size"), required=False, help_text=gettext_lazy("Such as 500M or 10G.")
    )

    def clean(self):
        data = super().clean()
        if data.get("kind") == "own" and data.get("size") is None and "size" not in self.errors:
            self.add_error("size", _("Give a size such as 500M or 10G."))
        return data

    def save(self, users):
        """Set the quota of some users."""
        if self.cleaned_data["kind"] == "default":
            Quota.objects.filter(user__in=users).delete()
            return
        limit = self.cleaned_data["size"] if self.cleaned_data["kind"] == "own" else None
        Quota.objects.bulk_create(
            [Quota(user=user, limit=limit) for user in users],
            update_conflicts=True,
            unique_fields=["user"],
            update_fields=["limit"],
        )


@admin.action(description=gettext_lazy("Set the quota of selected %(verbose_name_plural)s"))
def set_quota(user_admin, request, queryset):
    """Set the quota of the selected users, once that is confirmed."""
    users = list(queryset)
    form = SetQuotaForm(request.POST if "post" in request.POST else None)
    if not form.is_valid():
        stored = readable_bytes(quota.usage_of([user.pk for user in users]).total())
        values = {"count": readable_number(len(users)), "stored": stored}
        note = ngettext(
            "%(count)s user, who stores %(stored)s.",
            "%(count)s users, who store %(stored)s together.",
            len(users),
        )
        title = _("Set the quota")
        return confirmation_page(
            user_admin, request, queryset, title=title, notes=[note % values], form=form
        )
    with transaction.atomic():
        form.save(users)
        done = ngettext("Quota of %(count)d user set.", "Quota of %(count)d users set.", len(users))
        done %= {"count": len(users)}
        user_admin.log_and_report(request, users, gettext_lazy("Quota set."), done)
    return None


@admin.register(Quota)
class QuotaAdmin(CampModelAdmin):
    """Quotas of single users; all others have USER_QUOTA."""

    form = QuotaForm
    list_display = ["user", "room", "used"]
    list_select_related = ["user"]
    search_fields = OWNER_FIELDS
    ordering = ["-user"]
    autocomplete_fields = ["user"]

    def related_actions(self, request, model):
        """Return the action on users that sets their quota."""
        is_user = model is Quota._meta.get_field("user").remote_field.model
        if not is_user or not (
            self.has_add_permission(request) and self.has_change_permission(request)
        ):
            return {}
        return {"set_quota": (set_quota, "set_quota", set_quota.short_description)}

    @exported("limit", gettext_lazy("room in bytes"))
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

    @exported(lambda quota: quota.bytes_used, gettext_lazy("used bytes"))
    @admin.display(description=gettext_lazy("used"))
    def used(self, quota):
        """Return the size of the user's files."""
        return readable_usage(quota.bytes_used)
