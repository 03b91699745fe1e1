"""Permissions and groups in the admin, in the reader's language.

Their names are in English in the database.
"""

from itertools import groupby

from django import forms
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.forms.models import ModelChoiceIterator
from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "add": _("Can add: %(what)s"),
    "change": _("Can change: %(what)s"),
    "delete": _("Can delete: %(what)s"),
    "view": _("Can view: %(what)s"),
    "trash": _("Can move to the trash and restore: %(what)s"),
    "share": _("Can share with everyone and announce: %(what)s"),
}
READERS = "Readers"
# The groups that a migration made; administrators may have renamed them.
GROUPS = {
    READERS: _("Readers"),
    "Moderators": _("Moderators"),
    "Account managers": _("Account managers"),
}


def group_label(group):
    """Return the name of a group; a ready-made one in the reader's language."""
    return str(GROUPS.get(group.name, group.name))


# Django shows groups in titles, lists and fields by this alone.
Group.add_to_class("__str__", group_label)


class GroupedPermissions(ModelChoiceIterator):
    """The choices of a PermissionsField, grouped by app."""

    def __iter__(self):
        for name, permissions in groupby(self.queryset, app_name):
            yield name, [self.choice(permission) for permission in permissions]


class PermissionsField(forms.ModelMultipleChoiceField):
    """A choice of permissions, with translated labels and a checkbox for each."""

    widget = forms.CheckboxSelectMultiple(attrs={"class": "permissions"})
    iterator = GroupedPermissions

    def label_from_instance(self, permission):
        """Return what the permission allows, in the reader's language."""
        action, _underscore, _model = permission.codename.partition("_")
        kind = permission.content_type
        sentence = permission.name
        if action in SENTENCES:
            sentence = SENTENCES[action] % {"what": kind.name}
        return sentence


def app_name(permission):
    """Return the translated name of the app whose table a permission is about."""
    return permission.content_type.app_labeled_name.partition(" | ")[0]


class TranslatedPermissionsMixin:
    """A ModelAdmin mixin that offers the permissions of tables in the admin.

    Others have no effect, but stay with those who have one.
    """

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        if db_field.remote_field.model is Permission:
            kinds = ContentType.objects.get_for_models(*self.admin_site._registry).values()
            held = Q(user__isnull=False) | Q(group__isnull=False)
            offered = Permission.objects.filter(Q(content_type__in=kinds) | held).distinct()
            kwargs |= {
                "form_class": PermissionsField,
                "widget": PermissionsField.widget,
                "queryset": offered,
            }
        return super().formfield_for_manytomany(db_field, request, **kwargs)
