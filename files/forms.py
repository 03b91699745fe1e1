"""Forms to rename and share files."""

from django import forms
from django.utils.translation import gettext_lazy as _

from camp.fs.filenames import MAX_LENGTH, clean_filename


class RenameForm(forms.Form):
    """A new name for a file."""

    filename = forms.CharField(label=_("Name"), max_length=MAX_LENGTH)

    def clean_filename(self):
        """Return the name as Camp keeps it."""
        filename = self.cleaned_data["filename"]
        if "/" in filename or "\\" in filename:
            raise forms.ValidationError(_("A name cannot contain / or \\."))
        name = clean_filename(filename, fallback="")
        if not name:
            raise forms.ValidationError(_("Give it a name."))
        return name


class ShareForm(forms.Form):
    """The expiry, password and limit of a link."""

    days = forms.ChoiceField(
        label=_("Ends"),
        choices=[
            ("1", _("in a day")),
            ("7", _("in a week")),
            ("30", _("in a month")),
            ("365", _("in a year")),
        ],
        initial="7",
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Without a password, anyone with the link can download the files."),
    )
    limit = forms.IntegerField(
        label=_("Downloads at most"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_("Empty for no limit."),
    )

    def clean_days(self):
        """Return a number."""
        return int(self.cleaned_data["days"])
