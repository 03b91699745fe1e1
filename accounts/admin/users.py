"""Users in the admin."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import emails
from accounts.admin.password_links import PasswordLinkMixin
from accounts.admin.permissions import (
    GROUPS,
    READERS,
    TranslatedPermissionsMixin,
)
from accounts.forms import IdentityForm, SignUpForm
from accounts.lifecycle import LastOrganiserError, delete_accounts
from accounts.time_zones import zone_label
from camp.admin.dashboard import Figure, counts_by_day, readable_number
from camp.admin.export import exported
from camp.admin.model_admin import CampModelAdmin, RelatedCountsMixin, forget_front_page
from camp.templatetags.camp import when

User = get_user_model()


class UserForm(IdentityForm, UserChangeForm):
    """The user's fields except the password hash."""

    password = None
    first_groups = forms.ModelMultipleChoiceField(
        Group.objects.filter(name__in=GROUPS),
        label=gettext_lazy("As an organiser"),
        required=False,
        initial=lambda: Group.objects.filter(name=READERS),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("For somebody who becomes an organiser by this change."),
    )


class NewPasswordForm(AdminPasswordChangeForm):
    """A new password. An account is closed by deactivating it, not by having no password."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        self.fields["password1"].required = self.fields["password2"].required = True


@admin.display(description=gettext_lazy("user"), ordering="username")
def username(user):
    """Return the user name, and the e-mail below it."""
    return format_html('{}<span class="second-line">{}</span>', user.username, user.email)


@admin.register(User)
class UserAdmin(
    PasswordLinkMixin,
    RelatedCountsMixin,
    TranslatedPermissionsMixin,
    CampModelAdmin,
    DjangoUserAdmin,
):
    """Find users, see what they store, activate and deactivate them.

    Organisers who are not administrators manage ordinary users only: changing an organiser's
    password or permissions would give them that organiser's permissions.
    """

    form = UserForm
    add_form = SignUpForm
    change_password_form = NewPasswordForm
    change_user_password_template = "admin/new_password.html"  # noqa: S105
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["username", "email", "password1", "password2"]})
    ]
    fieldsets = [
        (None, {"fields": ["username", "email", "password_link", "is_active"]}),
        (
            gettext_lazy("Permissions"),
            {"fields": ["is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        (
            gettext_lazy("Preferences and dates"),
            {
                "fields": [
                    *("preferences", "news", "created_at", "updated_at"),
                    *("last_login", "last_activity"),
                ]
            },
        ),
    ]
    readonly_fields = [
        *("password_link", "preferences", "news", "deletion_started_at"),
        *("created_at", "updated_at", "last_login", "last_activity"),
    ]
    list_display = [username, "is_active", "is_staff", "created_at", "last_activity"]
    list_filter = [
        *("is_active", "is_staff", "is_superuser", "created_at", "last_login"),
        ("groups", admin.RelatedFieldListFilter),
    ]
    search_fields = [
        "username_key__contains",
        "email_key__contains",
        "id__exact",
        "username_key__exact",
        "email_key__exact",
    ]
    sortable_by = ["username", "created_at"]
    in_site_search = True
    ordering = ["username"]
    filter_horizontal = []
    autocomplete_fields = ["groups"]
    actions = ["deactivate", "reactivate"]
    front_page_days_label = gettext_lazy("Users signed up")

    def get_queryset(self, request):
        """Return the users with the times that other admins offer as `activity_time(model)`."""
        offers = self.admin_site.offers(request, "activity_time")
        times = {f"activity_{number}": offer() for number, offer in enumerate(offers)}
        return super().get_queryset(request).annotate(**times)

    def get_export_columns(self, request):
        """Return the columns, with one for the user name and one for the e-mail."""
        _both, *rest = super().get_export_columns(request)
        return ["username", "email", *rest]

    def autocomplete_label(self, user):
        """Return the user name and the e-mail, by which people know each other."""
        return f"{user.username} ({user.email})"

    @exported(lambda user: last_activity(user))
    @admin.display(description=gettext_lazy("last activity"))
    def last_activity(self, user):
        """Return when the user last logged in, or changed something that the reader may view."""
        return when(last_activity(user)) or None

    @admin.display(description=gettext_lazy("password"))
    def password_link(self, user):
        """Return the links to the pages that set a new password, or have the user do so."""
        links = [
            (reverse(f"{self.admin_site.name}:{name}", args=[user.pk]), text)
            for name, text in (
                ("auth_user_password_change", _("Set a new password")),
                ("accounts_user_password_link", _("Create a link to set it")),
            )
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    @admin.display(description=gettext_lazy("preferences"))
    def preferences(self, user):
        """Return the user's language and time zone."""
        fixed = dict(settings.LANGUAGES).get(settings.CAMP_LANGUAGE)
        chosen = dict(settings.LANGUAGES).get(user.language)
        language = fixed or chosen or _("the browser's language")
        return f"{language}, {zone_label(user.time_zone or settings.TIME_ZONE)}"

    @admin.display(description=User._meta.get_field("email_news").verbose_name)
    def news(self, user):
        """Return how soon the user wants e-mails about news; each chooses that in the profile."""
        return user.get_email_news_display() or _("Never")

    def manages(self, request, user):
        """Return whether the reader may manage this account."""
        ordinary = not (user.is_staff or user.is_superuser)
        return ordinary or request.user.is_superuser or user == request.user

    def has_change_permission(self, request, obj=None):
        allowed = super().has_change_permission(request, obj)
        return allowed and (
            obj is None or (self.manages(request, obj) and not obj.deletion_started_at)
        )

    def has_delete_permission(self, request, obj=None):
        allowed = super().has_delete_permission(request, obj)
        # One's own account is deleted in the profile, with the password.
        return allowed and (obj is None or (self.manages(request, obj) and obj != request.user))

    def get_readonly_fields(self, request, obj=None):
        fields = [*super().get_readonly_fields(request, obj)]
        if not request.user.is_superuser:
            fields += ["is_staff", "is_superuser", "groups", "user_permissions"]
        elif obj == request.user:
            # At least one administrator must remain.
            fields += ["is_staff", "is_superuser"]
        # One's own e-mail is changed in the profile, with the password.
        return fields + (["is_active", "email"] if obj == request.user else [])

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        if obj and obj.deletion_started_at:
            fieldsets = [(_("Deletion"), {"fields": ["deletion_started_at"]}), *fieldsets]
        elif obj and not obj.is_staff and "is_staff" not in self.get_readonly_fields(request, obj):
            fieldsets = [(name, offer_groups(options)) for name, options in fieldsets]
        if obj and self.has_change_permission(request, obj):
            return fieldsets
        return [(name, exclude_field(options, "password_link")) for name, options in fieldsets]

    def user_change_password(self, request, id, form_url=""):
        """Set another user's password; one's own needs the old one."""
        if self.get_object(request, unquote(id)) == request.user:
            return redirect("accounts:password_change")
        return super().user_change_password(request, id, form_url)

    def save_related(self, request, form, formsets, change):
        """Save groups and permissions; a new organiser gets the groups chosen for that."""
        super().save_related(request, form, formsets, change)
        user = form.instance
        if "is_staff" not in form.changed_data or not user.is_staff:
            return
        user.groups.add(*form.cleaned_data["first_groups"])
        if not user.is_superuser and not user.get_all_permissions():
            text = _("%(user)s has no permissions yet: the administration is empty for them.")
            messages.warning(request, text % {"user": user})

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            emails.notify_previous_address(request, obj, form.initial["email"])

    def delete_model(self, request, obj):
        self.delete_queryset(request, [obj])

    def delete_queryset(self, request, queryset):
        try:
            in_background = delete_accounts(list(queryset))
        except LastOrganiserError:
            # Two administrators deleted each other at the same time.
            raise PermissionDenied from None
        if in_background:
            text = _(
                "Their data is being deleted in the background; that may take a few minutes. "
                "Until then they are deactivated, and their pages say how much is left."
            )
            messages.info(request, text)
        forget_front_page()

    @admin.action(permissions=["change"], description=gettext_lazy("Deactivate selected users"))
    def deactivate(self, request, queryset):
        """Deactivate the selected users and end their log-ins."""
        if queryset.filter(pk=request.user.pk).exists():
            messages.warning(request, _("You cannot deactivate yourself."))
        users = self.switched(request, queryset.exclude(pk=request.user.pk), active=False)
        done = ngettext("%(count)d user deactivated.", "%(count)d users deactivated.", len(users))
        done %= {"count": len(users)}
        self.log_and_report(request, users, gettext_lazy("Deactivated."), done)

    @admin.action(permissions=["change"], description=gettext_lazy("Reactivate selected users"))
    def reactivate(self, request, queryset):
        """Reactivate the selected users."""
        users = self.switched(request, queryset, active=True)
        done = ngettext("%(count)d user reactivated.", "%(count)d users reactivated.", len(users))
        done %= {"count": len(users)}
        self.log_and_report(request, users, gettext_lazy("Reactivated."), done)

    def switched(self, request, queryset, *, active):
        """Set `is_active` on the users that the reader manages; return those that changed."""
        users = list(queryset.exclude(is_active=active).filter(deletion_started_at=None))
        managed = [user for user in users if self.manages(request, user)]
        spared = len(users) - len(managed)
        if spared:
            text = ngettext(
                "%(count)d organiser was not changed: only administrators may change organisers.",
                "%(count)d organisers were not changed: only administrators may change organisers.",
                spared,
            )
            messages.warning(request, text % {"count": spared})
        found = User.objects.filter(pk__in=[user.pk for user in managed])
        found.update(is_active=active, updated_at=timezone.now())
        forget_front_page()
        return managed

    def front_page_numbers(self):
        """Return the numbers of all and of deactivated users."""
        return User.objects.aggregate(
            all=Count("pk"), inactive=Count("pk", filter=Q(is_active=False))
        )

    def front_page_figures(self, numbers):
        """Return the number of users for the front page."""
        inactive = ngettext("%(count)s deactivated", "%(count)s deactivated", numbers["inactive"])
        note = inactive % {"count": readable_number(numbers["inactive"])}
        return [
            Figure(
                _("Users"),
                readable_number(numbers["all"]),
                note if numbers["inactive"] else "",
                self.list_url(),
            )
        ]

    def front_page_days(self, since):
        """Return the recent sign-ups for the front page."""
        return counts_by_day(User.objects.all(), "created_at", since)


def last_activity(user):
    """Return the latest of a user's activity times, or None.

    They are the last log-in, the last change of a session and the last upload, each the first row
    of an index: nothing is written when a page is read.
    """
    times = [value for name, value in vars(user).items() if name.startswith("activity_")]
    return max((time for time in (user.last_login, *times) if time), default=None)


def offer_groups(options):
    """Return a fieldset's options with the groups for a new organiser after that field."""
    fields = [*options["fields"]]
    if "is_staff" in fields:
        fields.insert(fields.index("is_staff") + 1, "first_groups")
    return options | {"fields": fields}


def exclude_field(options, name):
    """Return a fieldset's options without one field."""
    return options | {"fields": [field for field in options["fields"] if field != name]}
