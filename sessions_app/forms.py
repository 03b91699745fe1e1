"""Forms of sessions and messages."""

import uuid

from django import forms
from django.utils.translation import gettext_lazy as _

from camp.fs.text import is_blank
from sessions_app.models import Message, Session
from sessions_app.titles import clean_title

MESSAGE_LENGTH = 100_000  # characters; five times that still fits into a request


class MessageField(forms.CharField):
    """The text of a message as typed, with line ends normalised to "\\n"."""

    default_error_messages = {
        "required": _("Write something first."),
        "max_length": _(
            "A message can have at most %(limit_value)d characters; this one has %(show_value)d."
        ),
    }

    def __init__(self, **kwargs):
        super().__init__(max_length=MESSAGE_LENGTH, strip=False, **kwargs)

    def to_python(self, value):
        text = super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")
        return "" if is_blank(text) else text

    def widget_attrs(self, widget):
        # Browsers cut pasted text at a maxlength without a word.
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        return attrs


class MessageForm(forms.ModelForm):
    """Write or change a message."""

    content = MessageField(
        label=_("Message"),
        widget=forms.Textarea(attrs={"rows": 4, "data-compose-text": True, "dir": "auto"}),
    )

    class Meta:
        model = Message
        fields = ["content"]


class SubmissionIdField(forms.UUIDField):
    """The ID that a form gave its message; a new one in place of none or a wrong one."""

    widget = forms.HiddenInput

    def clean(self, value):
        try:
            return super().clean(value) or uuid.uuid4()
        except forms.ValidationError:
            return uuid.uuid4()


class NewMessageForm(MessageForm):
    """Write a message, which may answer one of the same session."""

    submission_id = SubmissionIdField(initial=uuid.uuid4, required=False)
    reply_to = forms.ModelChoiceField(
        Message.objects.none(),
        required=False,
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": _("The message that you answer is gone.")},
    )

    def __init__(self, session, *args, **options):
        super().__init__(*args, **options)
        # One that was deleted meanwhile is still known.
        self.fields["reply_to"].queryset = Message.objects.filter(session=session)

    def find_answered(self):
        """Return the message that the next one answers, None without one. At most one query."""
        key = str(self["reply_to"].value() or "")
        if not (key.isascii() and key.isdigit()):
            return None
        answered = self.fields["reply_to"].queryset.present().for_reading()
        return answered.filter(pk=key).first()


class TitleField(forms.CharField):
    """A title: one line."""

    def to_python(self, value):
        return clean_title(super().to_python(value))


class NewSessionForm(forms.ModelForm):
    """Start a session."""

    title = TitleField(
        label=_("Title"),
        max_length=255,
        required=False,
        help_text=_("Without a title, the session is named after its first message."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )

    class Meta:
        model = Session
        fields = ["title"]


class RenameForm(forms.ModelForm):
    """Rename a session."""

    title = TitleField(
        label=_("Title"),
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )

    class Meta:
        model = Session
        fields = ["title"]
