"""Forms that change the owner of a session in the admin."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from camp.admin.bulk_edit import NewOwnerForm
from sessions_app.hand_over import OwnFiles


class FilesField(forms.ChoiceField):
    """What becomes of the files of a session that gets another owner."""

    MOVE, LEAVE = OwnFiles.MOVE, OwnFiles.LEAVE
    CHOICES = [
        (MOVE, gettext_lazy("The files of the session go along")),
        (LEAVE, gettext_lazy("The files stay with their owner and leave the session")),
    ]

    def __init__(self, **options):
        super().__init__(
            label=gettext_lazy("Files"),
            choices=self.CHOICES,
            widget=forms.RadioSelect,
            **options,
        )


class NewSessionOwnerForm(NewOwnerForm):
    """The choice of a new owner, and of what becomes of the files."""

    files = FilesField(initial=FilesField.MOVE)

    def __init__(self, model_admin, request, data=None):
        super().__init__(model_admin, request, data)
        files = model_admin.files_admin
        if not files.has_change_permission(request):
            self.fields["files"].choices = FilesField.CHOICES[1:]
            self.initial["files"] = FilesField.LEAVE


class SessionForm(forms.ModelForm):
    """A session; a new owner has the form ask what becomes of the files."""

    files = FilesField(required=False)
    # Set by the admin for each request.
    files_admin = None
    may_move_files = False

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if not self.may_move_files:
            self.fields["files"].choices = FilesField.CHOICES[1:]

    def clean(self):
        cleaned = super().clean()
        user = cleaned.get("user")
        if not self.instance.pk or user is None or "user" not in self.changed_data:
            return cleaned
        files = self.instance.files.exclude(user=user)
        if "files" not in self.errors and not cleaned.get("files") and files.exists():
            sentence = _("There are files in this session (%(files)s). What becomes of them?")
            self.add_error("files", sentence % {"files": self.files_admin.bulk_note(files)})
        return cleaned
