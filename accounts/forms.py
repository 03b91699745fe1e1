"""Forms about who somebody is."""

import logging

from django import forms
from django.conf import settings
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import time_zones
from camp.text import is_blank

logger = logging.getLogger(__name__)


class LoginForm(auth_forms.AuthenticationForm):
    """Name or e-mail, and password."""

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
    """User name and e-mail, which nobody else may have, however they are written."""

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
        """Return the user name; letters that have no glyph do not make one."""
        name = self.cleaned_data["username"]
        if is_blank(name):
            raise ValidationError(self.fields["username"].error_messages["invalid"])
        return name

    def clean_email(self):
        """Return the e-mail with its host in lower case; that it is free, the model checks."""
        return get_user_model().objects.normalize_email(self.cleaned_data["email"])

    def save_unless_taken(self):
        """Save and return the user.

        Returns None, with the error on the form, where somebody took the name or the
        e-mail since the form was checked.
        """
        user = self.save(commit=False)  # hashes a password, before anything is locked
        changed = None if user.pk is None else [*self._meta.fields, "updated_at"]
        try:
            with transaction.atomic():
                user.save(update_fields=changed)
        except IntegrityError:
            self.full_clean()
            if not self.errors:
                self.add_error(None, _("Somebody was quicker by a moment. Please try again."))
            return None
        return user


class SignUpForm(IdentityForm, auth_forms.BaseUserCreationForm):
    """A new account."""


class ProfileForm(IdentityForm):
    """What people set about themselves."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"), required=False, help_text=_("Camp shows you all times in it.")
    )
    language = forms.ChoiceField(label=_("Language"), required=False)

    class Meta(IdentityForm.Meta):
        fields = ("username", "email", "time_zone", "language")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].choices = time_zones.choices(kept=self.instance.time_zone)
        self.fields["language"].choices = [("", _("As in your browser")), *settings.LANGUAGES]


class DeleteForm(forms.Form):
    """The password, as the proof that somebody means it."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, user, *args, **kwargs):
        self.user = user
        super().__init__(*args, **kwargs)

    @sensitive_variables("password")
    def clean_password(self):
        """Return the password if it is the user's."""
        password = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your password."), code="password_incorrect")
        return password


class PasswordResetForm(auth_forms.PasswordResetForm):
    """Where to send the letter with a link that sets a new password."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=255,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def get_users(self, email):
        """Return the active user of an e-mail, however it is written, in a list."""
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
        """Send the letter, in the language of its receiver.

        A letter that cannot be sent is for the log alone: the page must not tell that
        there was one. Of the error only the kind is logged, as its text holds addresses.
        """
        with translation.override(context["user"].language or translation.get_language()):
            subject = " ".join(render_to_string(subject_template_name, context).split())
            body = render_to_string(email_template_name, context)
        try:
            EmailMessage(subject, body, from_email, [to_email]).send()
        except Exception as error:
            logger.error(
                "The letter for a new password could not be sent to user %s: %s",
                context["user"].pk,
                type(error).__name__,
            )
