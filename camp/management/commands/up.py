"""Prepare Camp and serve it."""

from functools import partial

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.operations.diagnostics import safety
from camp.operations.server import up
from camp.web.findings import format_with_fix


class Command(BaseCommand):
    """`manage.py up`."""

    requires_system_checks = ()  # later, where the commonest faults have had their sentence
    help = "Brings the database and the static files up to date, then serves Camp."

    def add_arguments(self, parser):
        parser.add_argument("--host", default=settings.HOST, help="address to listen on")
        parser.add_argument(
            "--port", type=int, default=settings.PORT, help="port to listen on; 0 finds a free one"
        )
        parser.add_argument(
            "--threads", type=int, default=up.THREADS, help="requests answered at once"
        )

    def handle(self, *, host, port, threads, **options):
        if not 0 <= port < 65536 or threads < 1:
            raise CommandError(_("The port goes from 0 to 65535, and it takes a thread at least."))
        check = partial(self.check_settings, host)
        up.up(host=host, port=port, threads=threads, say=self.say, check=check)

    def check_settings(self, host):
        """Run the system checks, then name settings that are for development machines."""
        self.check()
        for finding in safety.inherited(host):
            self.stderr.write(self.style.WARNING(f"! {format_with_fix(finding)}"))

    def say(self, line):
        """Print a line at once, so that it is seen before a slow step."""
        self.stdout.write(line)
        self.stdout.flush()
