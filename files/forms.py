"""What people type about files."""

from django import forms
from django.utils.translation import gettext_lazy as _

from camp.filenames import MAX_LENGTH, clean_filename


class RenameForm(forms.Form):
    """A new name for a file."""

    filename = forms.CharField(label=_("Name"), max_length=MAX_LENGTH)

    def clean_filename(self):
        """Return the name as it is kept."""
        given = self.cleaned_data["filename"]
        if "/" in given or "\\" in given:
            raise forms.ValidationError(_("A name cannot contain / or \\."))
        name = clean_filename(given, fallback="")
        if not name:
            raise forms.ValidationError(_("Give it a name."))
        return name
