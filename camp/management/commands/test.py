"""Run the whole suite on SQLite and on PostgreSQL with Redis."""

import argparse
import importlib.util
import sys

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.operations import error_messages

REQUIRED = ("pytest", "pytest_django")


class Command(BaseCommand):
    """`manage.py test`; whatever it does not know goes to pytest."""

    help = "Runs the test suite on SQLite, then on PostgreSQL with Redis."
    requires_system_checks = ()

    def run_from_argv(self, argv):
        """Parse by hand: Django's parser would refuse pytest's options or take them over."""
        parser = argparse.ArgumentParser(
            prog="manage.py test",
            description=self.help,
            epilog="Everything else goes to pytest: tests/files -k upload -x",
            allow_abbrev=False,
        )
        parser.add_argument("--only", choices=["sqlite", "postgresql"], help="run one pass")
        options, pytest_arguments = parser.parse_known_args(argv[2:])
        try:
            code = self.handle(*pytest_arguments, only=options.only)
        except CommandError as error:
            sys.stderr.write(f"{error}\n")
            code = 1
        sys.exit(code)

    def handle(self, *pytest_arguments, only=None, **options):
        """Run the passes; returns the exit code."""
        for package in REQUIRED:
            if importlib.util.find_spec(package) is None:
                fix = error_messages.install_command("requirements-dev.txt")
                raise CommandError(
                    _("The test requirements are not installed. Fix: %(fix)s") % {"fix": fix}
                )
        from tests import passes

        return passes.run(pytest_arguments, only=only, say=self.say)

    def say(self, line):
        """Print a line at once, before pytest prints its own."""
        self.stdout.write(line)
        self.stdout.flush()
