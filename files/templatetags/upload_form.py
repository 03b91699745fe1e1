"""What the upload form tells its scripts."""

from django import template
from django.conf import settings
from django.http.request import HttpHeaders
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from camp.templatetags.camp import UNITS, readable_bytes
from files.uploads import resumable

register = template.Library()


@register.simple_tag(takes_context=True)
def upload_account(context):
    """Return who uploads, for upload-config.js, to be JSON."""
    user = context["user"]
    return {"id": str(user.pk), "name": user.get_username()}


@register.simple_tag
def upload_config():
    """Return addresses, limits in bytes, names and texts for upload-config.js, to be JSON.

    The scripts fill in the {placeholders} of the texts. The page caches it for all readers.
    """
    return {
        "urls": {
            "account": reverse("accounts:current"),
            "uploads": reverse("uploads:uploads"),
            "unfinished": reverse("files:unfinished"),
        },
        "maxSize": settings.MAX_UPLOAD_SIZE,
        "singleRequestSize": resumable.LARGEST_SINGLE_REQUEST,
        "csrfHeader": HttpHeaders.parse_header_name(settings.CSRF_HEADER_NAME),
        "fileHeader": resumable.FILE_HEADER,
        "units": UNITS,
        "texts": texts(readable_bytes(settings.MAX_UPLOAD_SIZE)),
    }


def texts(max_size):
    """Return the sentences of the upload form; `max_size` is text."""
    return {
        "waiting": _("Waiting"),
        "progress": _("{done} of {size}"),
        "files": _("{done} of {count} files"),
        "speed": _("{speed} per second"),
        "left": _("{time} left"),
        "storing": _("Storing"),
        "paused": _("Paused"),
        "done": pgettext("state of an upload", "Uploaded"),
        "cancelled": _("Cancelled"),
        "lost": _("The connection was lost."),
        "lostResumes": _("The upload resumes when it is back."),
        "failed": _("The server could not store the file. Try again later."),
        "loggedOut": _("You are logged out. Log in and try again."),
        "otherAccount": _(
            "This browser is now logged in as {other}. None of your files are sent to that "
            "account. Log in as {name} and try again."
        ),
        "comparing": _("Comparing the file with what the server has"),
        "different": _(
            "The server has part of a different file with this name, and keeps it. This file is "
            "sent from the beginning."
        ),
        "unreadable": _("The file cannot be read, or it has changed. Choose it again."),
        "emptyFolder": _("The folder contains no files."),
        "tooLarge": _("The file is larger than the limit of %(size)s.") % {"size": max_size},
        "announceStart": _("Uploading: {name}"),
        "announceHalf": _("{percent} uploaded: {name}"),
        "announcePaused": _("Paused: {name}"),
        "announceDone": _("Uploaded: {name}"),
        "announceFailed": _("Not uploaded: {name}. {reason}"),
        "pictureWaits": _("A picture is still being uploaded. Send the message after that."),
    }
