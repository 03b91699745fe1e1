"""Send e-mail about news in sessions."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sessions_app.notifications import MailServerDown, notify


class Command(BaseCommand):
    help = (
        "E-mails people what is new in their sessions, if they want that: at once (after some "
        "minutes of quiet) or once a day, in the morning of their time zone. To be run every "
        "few minutes; `sweep` runs it too."
    )

    def handle(self, *args, **options):
        if not settings.EMAIL_IS_SET_UP:
            self.stdout.write(_("No e-mail is sent, because EMAIL_URL is not set."))
            return
        try:
            sent = notify()
        except MailServerDown:
            text = _("The mail server cannot be reached. What is left waits for the next run.")
            raise CommandError(text) from None
        text = ngettext(
            "%(count)d e-mail about news sent.", "%(count)d e-mails about news sent.", sent
        )
        if sent or options["verbosity"]:
            self.stdout.write(text % {"count": sent})
