"""What an open session tells its scripts."""

from django import template
from django.conf import settings
from django.http.request import HttpHeaders
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()


@register.simple_tag
def live_config():
    """Return addresses, names and texts for live-texts.js, to be JSON.

    The scripts fill in the {placeholders} of the texts.
    """
    return {
        "urls": {"account": reverse("accounts:current")},
        "csrfHeader": HttpHeaders.parse_header_name(settings.CSRF_HEADER_NAME),
        "texts": {
            "newMessage": describe_new(1),
            "newMessages": describe_new(2),
            "lost": _("There is no connection. What is new appears when it is back."),
            "loggedOut": _("You are logged out. Log in to go on; what you wrote is kept."),
            "otherAccount": _("This browser is now logged in as somebody else."),
            "otherRights": _("What you may do here has changed. Load the page again to go on."),
            "hidden": _("You can no longer see this session. What you wrote is still here."),
            "sending": _("Sending"),
            "waiting": _("Waiting for the connection"),
            "refused": _("Not sent: {reason}"),
        },
    }


def describe_new(count):
    """Return the text for a number {n} of new messages, in the form that `count` needs."""
    return ngettext("%(count)s new message", "%(count)s new messages", count) % {"count": "{n}"}
