"""Fields of the admin's forms that choose a row of another table."""

from django.contrib.admin import widgets
from django.core.exceptions import ValidationError


def is_value_of(field, value):
    """Return whether a value that was sent suits the database column `field`."""
    try:
        field.run_validators(field.to_python(value))
    except (ValidationError, ValueError, OverflowError):
        return False
    return True


class ValueCheckMixin:
    """A widget mixin: shows a form again that was sent with a value that is no key.

    Django looks such a value up for its label, which raises ValueError.
    """

    def optgroups(self, name, value, attrs=None):
        key = self.field.remote_field.model._meta.pk
        empty = self.choices.field.empty_values
        value = [one for one in value if one in empty or is_value_of(key, one)]
        return super().optgroups(name, value, attrs)


class AutocompleteSelect(ValueCheckMixin, widgets.AutocompleteSelect):
    """Chooses one row by searching for it."""


class AutocompleteSelectMultiple(ValueCheckMixin, widgets.AutocompleteSelectMultiple):
    """Chooses some rows by searching for them."""
