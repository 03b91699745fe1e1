"""Forms of accounts."""

from django import forms
from django.conf import settings
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms.utils import flatatt
from django.utils import timezone, translation
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from accounts import emails, throttle, time_zones
from camp.fs.text import is_blank
from camp.templatetags.camp import minutes
from camp.web import background
from camp.web.addresses import public_host


class PasswordCheckMixin:
    """A form mixin that checks the password of the logged-in user.

    `address` is the client's. `paused` is the number of seconds to wait after too many failures.
    """

    def __init__(self, *args, address="", **kwargs):
        self.address = address
        self.paused = 0
        super().__init__(*args, **kwargs)

    @sensitive_variables("password")
    def check_password(self, user, password):
        """Raise ValidationError unless the password is right and may be tried."""
        right, self.paused = throttle.try_password(user, password, self.address)
        if self.paused:
            text = ngettext(
                "Too many wrong passwords. Please try again in %(count)d minute.",
                "Too many wrong passwords. Please try again in %(count)d minutes.",
                minutes(self.paused),
            )
            raise ValidationError(text % {"count": minutes(self.paused)}, code="paused")
        if not right:
            raise ValidationError(_("This is not your password."), code="password_incorrect")


def current_password(**options):
    """Return the field for the current password."""
    widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
    return forms.CharField(strip=False, widget=widget, **options)


class LoginForm(auth_forms.AuthenticationForm):
    """User name or e-mail, and password."""

    LOGIN_LENGTH = 255  # characters: the longest e-mail, not only the longest user name

    username = auth_forms.UsernameField(label=_("User name or e-mail"), max_length=LOGIN_LENGTH)
    error_messages = {
        "invalid_login": _(
            "No active account has this user name or e-mail and this password. "
            "Please check both; in the password, upper and lower case matter."
        ),
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["username"].max_length = self.LOGIN_LENGTH
        self.fields["username"].widget.attrs.update(
            autofocus=True, maxlength=self.LOGIN_LENGTH, spellcheck="false"
        )


class IdentityForm(forms.ModelForm):
    """A unique user name and e-mail, whatever their spelling."""

    also_saved = ()  # columns of the model that follow from the fields

    class Meta:
        model = get_user_model()
        fields = ("username", "email")
        field_classes = {"username": auth_forms.UsernameField}
        error_messages = {
            "username": {"invalid": _("Letters, digits and . + - _ only: no spaces, no @.")}
        }
        widgets = {
            "username": forms.TextInput(attrs={"spellcheck": "false"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }

    def clean_username(self):
        """Return the user name; it must contain a visible character."""
        name = self.cleaned_data["username"]
        if is_blank(name):
            raise ValidationError(self.fields["username"].error_messages["invalid"])
        return name

    def clean_email(self):
        """Return the e-mail with its host in lower case; the model checks uniqueness."""
        return get_user_model().objects.normalize_email(self.cleaned_data["email"])

    def save_unless_taken(self):
        """Save and return the user.

        Returns None, with the error on the form, if the name or e-mail was taken since validation.
        """
        user = self.save(commit=False)  # hashes a password, before anything is locked
        changed = None if user.pk is None else [*self._meta.fields, *self.also_saved, "updated_at"]
        try:
            with transaction.atomic():
                user.save(update_fields=changed)
        except IntegrityError:
            self.full_clean()
            if not self.errors:
                taken = _("Someone else took this name or e-mail just now. Choose another one.")
                self.add_error(None, taken)
            return None
        return user


class SignUpForm(IdentityForm, auth_forms.BaseUserCreationForm):
    """A new account."""


class TimeZoneSelect(forms.Select):
    """A select of time zones. Django takes 30 ms to render the options, which are made once."""

    kept = ""

    def render(self, name, value, attrs=None, renderer=None):
        """Return the HTML; `kept` is a zone that is offered in any case."""
        chosen = f'<option value="{escape(value or "")}"'
        options = time_zones.options_html(self.kept).replace(chosen, f"{chosen} selected", 1)
        attributes = flatatt(self.build_attrs(self.attrs, {"name": name, **(attrs or {})}))
        # No part needs escaping any more.
        return format_html("<select{}>{}</select>", attributes, mark_safe(options))


class ProfileForm(PasswordCheckMixin, IdentityForm):
    """The profile. Changing the e-mail requires the password.

    Access to the e-mail account means access to Camp, by a password reset.
    """

    current_password = current_password(
        label=_("Current password"),
        required=False,
        help_text=_("Needed to change the e-mail."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_("Camp shows you all times in it."),
        widget=TimeZoneSelect,
    )
    language = forms.ChoiceField(label=_("Language"), required=False)

    class Meta(IdentityForm.Meta):
        fields = ("username", "email", "time_zone", "language", "email_news")

    field_order = ("username", "email", "current_password")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance.has_usable_password():
            del self.fields["current_password"]
        zone, kept = self.fields["time_zone"], self.instance.time_zone
        zone.choices, zone.widget.kept = time_zones.grouped_choices(kept), kept
        self.fields["language"].choices = [("", _("As in your browser")), *settings.LANGUAGES]
        if settings.CAMP_LANGUAGE:
            del self.fields["language"]
        if settings.EMAIL_IS_SET_UP:
            self.fields["email_news"].choices = [
                ("", _("Never")),
                *get_user_model().EmailNews.choices,
            ]
        else:
            del self.fields["email_news"]

    also_saved = ("notified_up_to",)

    def save(self, commit=True):
        """Save the profile; who wants e-mail about news from now on gets none about older ones."""
        if self.initial.get("email_news") is None:
            self.instance.notified_up_to = timezone.now()
        return super().save(commit)

    @sensitive_variables("password")
    def clean(self):
        """Require the password if the e-mail changes."""
        cleaned = super().clean() or self.cleaned_data
        changes = cleaned.get("email", self.instance.email) != self.instance.email
        if changes and "current_password" in self.fields:
            password = cleaned.get("current_password")
            try:
                if not password:
                    raise ValidationError(_("Type your password to change the e-mail."))
                self.check_password(self.instance, password)
            except ValidationError as error:
                self.add_error("current_password", error)
        return cleaned


class PasswordChangeForm(PasswordCheckMixin, auth_forms.PasswordChangeForm):
    """The current password and a new one."""

    def clean_old_password(self):
        """Return the current password if it is right."""
        self.check_password(self.user, self.cleaned_data["old_password"])
        return self.cleaned_data["old_password"]


class DeleteForm(PasswordCheckMixin, forms.Form):
    """The password, to confirm the deletion of the account."""

    password = current_password(label=_("Password"))

    def __init__(self, user, *args, **kwargs):
        self.user = user
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs["autofocus"] = True

    def clean_password(self):
        """Return the password if it is right."""
        self.check_password(self.user, self.cleaned_data["password"])
        return self.cleaned_data["password"]


class PasswordResetForm(auth_forms.PasswordResetForm):
    """The address for a password reset."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=255,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def save(self, *, request, **options):
        """Queue the e-mail, so that the response time does not reveal whether an account exists.

        `options` are those of Django's form.
        """
        options.setdefault("domain_override", public_host(request))
        language = translation.get_language()

        def send():
            with translation.override(language):
                super(PasswordResetForm, self).save(**options)

        background.run("e-mail for a new password", send)

    def get_users(self, email):
        """Return the active user with an e-mail in any spelling, as a list."""
        user = get_user_model().objects.find(email)
        return [user] if user and user.is_active and user.has_usable_password() else []

    def send_mail(
        self,
        subject_template_name,
        email_template_name,
        context,
        from_email,
        to_email,
        html_email_template_name=None,
    ):
        """Send the e-mail in its recipient's language."""
        names = (subject_template_name, email_template_name)
        emails.send_to_user(context["user"], to_email, *names, context, from_email=from_email)
