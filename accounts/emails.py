"""E-mails about accounts."""

import logging

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation

from camp.web import background
from camp.web.addresses import public_host

logger = logging.getLogger(__name__)


def send_to_user(user, address, subject_template, template, context, *, from_email=None):
    """Send an e-mail to an address of `user`, in their language, else in the current one.

    A failure is logged by its type only, because the text contains addresses.
    """
    with translation.override(user.chosen_language or translation.get_language()):
        subject = " ".join(render_to_string(subject_template, context).split())
        body = render_to_string(template, context)
    try:
        EmailMessage(subject, body, from_email, [address]).send()
    except Exception as error:
        logger.error("An e-mail to user %s was not sent: %s", user.pk, type(error).__name__)


def notify_previous_address(request, user, address):
    """Notify a user's previous address that the e-mail was changed."""
    context = {"user": user, "site_name": public_host(request)}
    language = translation.get_language()
    template = "accounts/email/email_changed"

    def tell():
        with translation.override(language):
            send_to_user(user, address, f"{template}_subject.txt", f"{template}.txt", context)

    background.run("e-mail about a changed e-mail", tell)
