"""Form fields of the admin that choose a row of another table."""

from django.contrib.admin import widgets
from django.core.exceptions import ValidationError


def is_value_of(field, value):
    """Return whether a submitted value is valid for the database column `field`."""
    try:
        field.run_validators(field.to_python(value))
    except (ValidationError, ValueError, OverflowError):
        return False
    return True


class ValueCheckMixin:
    """A widget mixin that re-renders a form with an invalid key.

    Django looks the value up for its label, which raises ValueError.
    """

    def optgroups(self, name, value, attrs=None):
        key = self.field.remote_field.model._meta.pk
        empty = self.choices.field.empty_values
        value = [one for one in value if one in empty or is_value_of(key, one)]
        return super().optgroups(name, value, attrs)


class AutocompleteSelect(ValueCheckMixin, widgets.AutocompleteSelect):
    """Select one row by searching."""


class AutocompleteSelectMultiple(ValueCheckMixin, widgets.AutocompleteSelectMultiple):
    """Select several rows by searching."""
