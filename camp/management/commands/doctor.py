"""Go through everything that may be wrong, and say what mends it."""

import sys

from django.core.management.base import BaseCommand

from camp.operations.console import Progress, Silent
from camp.operations.diagnostics import doctor, registry


class Command(BaseCommand):
    """`manage.py doctor`."""

    requires_system_checks = ()  # their findings are among those told
    help = "Looks into everything that may be wrong; exit code 1 if something is."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="for scripts")
        doctor.add_check_ups(parser)

    def handle(self, *, json, **options):
        asked = doctor.asked(options)
        found = registry.gather() if asked is None else self.check_up(asked, json)
        if json:
            found = list(found)
            self.stdout.write(doctor.to_json(found))
        else:
            found = self.told(found)
            self.stdout.write(doctor.summary(found))
        if not doctor.is_well(found):
            sys.exit(1)

    def check_up(self, asked, json):
        """Yield the Findings of a check-up, and show how far it is."""

        def progress(total, label):
            return Silent() if json else Progress(self.stdout, total, label)

        yield from registry.check_up(asked.name, progress=progress, **asked.options)

    def told(self, found):
        """Print each Finding once it is there; returns all."""
        printer = doctor.Printer(self.stdout, self.style)
        told = []
        for finding in found:
            self.stdout.write(printer.line(finding))
            told.append(finding)
        return told
