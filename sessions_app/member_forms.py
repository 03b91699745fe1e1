"""Forms about the people in a session."""

import re

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.throttle import find_active_user
from camp.templatetags.camp import minutes
from sessions_app.hand_over import OwnFiles
from sessions_app.members import find_known_people

MAX_NAMES = 20  # typed at once
MAX_ADDED = 200  # people of a group
SEPARATORS = re.compile(r"[,;\n、，；]")
READ, WRITE = "read", "write"
EVERYONE_PERMISSION = "sessions_app.share_with_everyone"


class AddMembersForm(forms.Form):
    """The people whom the owner of a session lets in, and what they may do.

    `paused` is the number of seconds to wait after too many unknown names.
    """

    names = forms.CharField(
        label=_("User names or e-mails"),
        max_length=2000,
        required=False,
        help_text=_("Typed in full; several with commas between them."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    known = forms.ModelMultipleChoiceField(
        None,
        label=_("People with whom you already share"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    group = forms.ModelChoiceField(
        None,
        label=_("Group"),
        required=False,
        empty_label=_("None"),
        help_text=_("Adds those who are in the group now."),
    )
    everyone = forms.BooleanField(
        label=_("Everyone here"),
        required=False,
        help_text=_("All who have an account, now or later."),
    )
    right = forms.ChoiceField(
        label=_("They may"),
        choices=[(READ, _("read")), (WRITE, _("read and write"))],
        initial=READ,
        widget=forms.RadioSelect,
    )

    def __init__(self, user, session, data=None):
        super().__init__(data)
        self.user, self.session, self.paused = user, session, 0
        members = session.members.exclude(user=None).values("user")
        known = find_known_people(user).exclude(pk__in=members).order_by("username")
        self.fields["known"].queryset = known
        groups = Group.objects.all() if user.is_staff else user.groups.all()
        self.fields["group"].queryset = groups.order_by("name")
        if not user.has_perm(EVERYONE_PERMISSION):
            del self.fields["everyone"]
        for name in ("known", "group"):
            field = self.fields[name]
            if not field.queryset.exists():
                del self.fields[name]
        self.fields["names"].required = not {"known", "group", "everyone"} & self.fields.keys()

    def clean_names(self):
        """Return the users whose names or e-mails were typed."""
        names = [name.strip() for name in SEPARATORS.split(self.cleaned_data["names"])]
        names = list(dict.fromkeys(filter(None, names)))
        if len(names) > MAX_NAMES:
            text = ngettext(
                "At most %(count)d name at once.", "At most %(count)d names at once.", MAX_NAMES
            )
            raise ValidationError(text % {"count": MAX_NAMES})
        found, unknown = [], []
        for name in names:
            user, self.paused = find_active_user(name, self.user)
            if self.paused:
                text = ngettext(
                    "Too many unknown names. Please try again in %(count)d minute.",
                    "Too many unknown names. Please try again in %(count)d minutes.",
                    minutes(self.paused),
                )
                raise ValidationError(text % {"count": minutes(self.paused)}, code="paused")
            if user is None:
                unknown.append(name)
            else:
                found.append(user)
        if unknown:
            text = _("No active account has this user name or e-mail: %(names)s")
            raise ValidationError(text, params={"names": ", ".join(unknown)})
        return found

    def clean_group(self):
        """Return the active users of the group."""
        group = self.cleaned_data["group"]
        if group is None:
            return []
        users = list(get_user_model().objects.filter(groups=group, is_active=True)[: MAX_ADDED + 1])
        if not users:
            raise ValidationError(_("This group has no active users."))
        if len(users) > MAX_ADDED:
            text = _("This group has more than %(count)d people; that is too many to add at once.")
            raise ValidationError(text, params={"count": MAX_ADDED})
        return users

    def clean(self):
        """Collect all in `users`, each once; None stands for everyone."""
        cleaned = super().clean()
        users = {user.pk: user for name in ("names", "known", "group") for user in
                 cleaned.get(name) or ()}  # fmt: skip
        users.pop(self.session.user_id, None)
        cleaned["users"] = list(users.values())
        if cleaned.get("everyone"):
            cleaned["users"].append(None)
        if not cleaned["users"] and not self.errors:
            raise ValidationError(_("Choose at least one person who is not in it yet."))
        return cleaned

    @property
    def may_write(self):
        """Whether the chosen right is to write."""
        return self.cleaned_data["right"] == WRITE


class RightForm(forms.Form):
    """Whether a member may write."""

    right = forms.ChoiceField(choices=[(READ, READ), (WRITE, WRITE)])


class RemovalForm(forms.Form):
    """What becomes of the files that a member attached."""

    KEEP, TAKE_OUT = "keep", "take_out"

    files = forms.ChoiceField(
        label=_("Files"),
        choices=[
            (KEEP, _("They stay in the session")),
            (TAKE_OUT, _("They leave the session; nothing is deleted")),
        ],
        initial=KEEP,
        widget=forms.RadioSelect,
    )

    def __init__(self, file_count, data=None):
        super().__init__(data)
        if not file_count:
            del self.fields["files"]

    @property
    def keep_files(self):
        """Whether the files stay in the session."""
        return self.cleaned_data.get("files", self.KEEP) == self.KEEP


class HandOverForm(forms.Form):
    """What becomes of the owner's files in a session that is handed over."""

    files = forms.ChoiceField(
        label=_("Your files in it"),
        choices=OwnFiles.choices,
        initial=OwnFiles.STAY,
        widget=forms.RadioSelect,
    )
