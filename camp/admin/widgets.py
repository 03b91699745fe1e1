"""Form fields of the admin that choose a row of another table."""

from django import forms
from django.contrib.admin import widgets
from django.core.exceptions import ValidationError
from django.forms.widgets import Script
from django.utils.translation import gettext as _


def is_value_of(field, value):
    """Return whether a submitted value is valid for the database column `field`."""
    try:
        field.run_validators(field.to_python(value))
    except (ValidationError, ValueError, OverflowError):
        return False
    return True


class SearchMixin:
    """A widget mixin for a select that `admin-autocomplete.js` turns into a search.

    Django's own Select2 has no accessible name, and its texts are not in every language. A form
    with an invalid key is rendered again; Django looks the value up for its label, which raises
    ValueError.
    """

    def build_attrs(self, base_attrs, extra_attrs=None):
        """Return the attributes from which the script knows what to search, and its texts."""
        meta = self.field.model._meta
        return forms.Select.build_attrs(self, base_attrs, extra_attrs) | {
            "data-autocomplete": True,
            "data-url": self.get_url(),
            "data-app-label": meta.app_label,
            "data-model-name": meta.model_name,
            "data-field-name": self.field.name,
            "data-optional": str(not self.is_required).lower(),
            "data-none": _("Nothing found"),
            "data-more": _("There are more. Type more of the name."),
            "data-failed": _("The search failed. Try again, or with fewer words."),
            "data-clear": _("Clear"),
            "data-remove": _("Remove"),
        }

    @property
    def media(self):
        return forms.Media(js=[Script("camp/js/admin-autocomplete.js", type="module")])

    def optgroups(self, name, value, attrs=None):
        key = self.field.remote_field.model._meta.pk
        empty = self.choices.field.empty_values
        value = [one for one in value if one in empty or is_value_of(key, one)]
        groups = super().optgroups(name, value, attrs)
        if not self.allow_multiple_selected:
            # HTML demands an empty first choice, with a text; Django's has none.
            _label, options, _index = groups[0]
            chosen = [option for option in options if option["value"]]
            empty = self.create_option(name, "", "---------", not chosen, 0)
            options[:] = [empty, *chosen]
        return groups


class AutocompleteSelect(SearchMixin, widgets.AutocompleteSelect):
    """Select one row by searching."""


class AutocompleteSelectMultiple(SearchMixin, widgets.AutocompleteSelectMultiple):
    """Select several rows by searching."""
