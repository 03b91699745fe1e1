"""Run the tests on SQLite and on PostgreSQL with Redis."""

import argparse
import importlib.util
import sys

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.operations import error_messages
from camp.operations.console import make_printer

REQUIRED = ("pytest", "pytest_django")


class Command(BaseCommand):
    """`manage.py test`; unknown options go to pytest."""

    help = "Runs the tests on SQLite and on PostgreSQL with Redis."
    requires_system_checks = ()

    def run_from_argv(self, argv):
        """Parse here: Django's parser would refuse pytest's options or handle them itself."""
        parser = argparse.ArgumentParser(
            prog="manage.py test",
            description=self.help,
            epilog="Other arguments go to pytest: tests/files -k upload -x. "
            "Files that are named run completely, quick and deep tests alike.",
            allow_abbrev=False,
        )
        parser.add_argument("--only", choices=["sqlite", "postgresql"], help="run one pass")
        depth = parser.add_mutually_exclusive_group()
        depth.add_argument(
            "--deep",
            action="store_true",
            help="run only the deep tests: with a browser, with killed servers, on whole machines",
        )
        depth.add_argument("--all", action="store_true", help="run quick and deep tests")
        options, pytest_arguments = parser.parse_known_args(argv[2:])
        pytest_arguments += [f"--{name}" for name in ("deep", "all") if getattr(options, name)]
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

        return passes.run(pytest_arguments, only=only, say=make_printer(self.stdout))
