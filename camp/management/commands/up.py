"""Prepare Camp and serve it."""

from functools import partial

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.operations.console import make_printer
from camp.operations.database.server import is_postgresql
from camp.operations.diagnostics import safety
from camp.operations.server import up
from camp.web.findings import format_with_fix


class Command(BaseCommand):
    """`manage.py up`."""

    requires_system_checks = ()  # they run later, after common errors have been explained
    help = "Brings the database and the static files up to date, then serves Camp."

    def add_arguments(self, parser):
        parser.add_argument("--host", default=settings.HOST, help="address to listen on")
        parser.add_argument(
            "--port", type=int, default=settings.PORT, help="port to listen on; 0 finds a free one"
        )
        parser.add_argument(
            "--workers",
            type=int,
            default=settings.WORKERS,
            help="worker processes (with PostgreSQL); one for each processor by default",
        )
        parser.add_argument(
            "--threads", type=int, help="concurrent requests of all worker processes together"
        )

    def handle(self, *, host, port, workers, threads, **options):
        good_numbers = workers in (None, *range(1, 257)) and (threads is None or threads > 0)
        if not 0 <= port < 65536 or not good_numbers:
            raise CommandError(_("Port: 0 to 65535. Workers: 1 to 256. Threads: at least 1."))
        say = make_printer(self.stdout)
        up.up(
            host=host,
            port=port,
            processes=workers,
            threads=threads,
            say=say,
            start_database=partial(start_database, say),
            check=lambda: self.check_settings(host),
        )

    def check_settings(self, host):
        """Run the system checks, then warn about settings and people left behind."""
        self.check()
        for finding in [*safety.check_variables(), *safety.check_development_settings(host)]:
            self.stderr.write(self.style.WARNING(f"! {format_with_fix(finding)}"))
        if notice := explain_empty_database():
            self.stderr.write(self.style.WARNING(f"! {notice}"))


def start_database(say):
    """Start Camp's own PostgreSQL if the settings name it and it is stopped."""
    if is_postgresql():
        from camp.operations.local_postgres import commands  # SQLite does without its memory

        commands.start_if_configured(say)


def explain_empty_database():
    """Return the sentence for a PostgreSQL without people, "" if nobody is missing."""
    if not is_postgresql():
        return ""
    from camp.operations.local_postgres import move

    return move.explain_empty_database()
