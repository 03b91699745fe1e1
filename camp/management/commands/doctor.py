"""Check everything that may be wrong, and name the command that fixes it."""

import sys

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.operations.console import Progress
from camp.operations.diagnostics import doctor, runner
from camp.web.findings import ERROR


class Command(BaseCommand):
    """`manage.py doctor`."""

    requires_system_checks = ()  # they are part of the report
    help = "Checks everything that may be wrong; exit code 1 if there is an error."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument(
            "--files",
            action="store_true",
            help="check all files and all their bytes instead; changes nothing without --fix",
        )
        group = parser.add_argument_group("with --files")
        group.add_argument(
            "--fix", action="store_true", help="correct rows and remove leftovers, never a file"
        )
        group.add_argument(
            "--sample", type=positive_int, metavar="N", help="read N random files only"
        )

    def handle(self, *, json, files, fix, sample, **options):
        for name, value in (("fix", fix), ("sample", sample)):
            if value and not files:
                sentence = _("--%(option)s needs --%(name)s.")
                raise CommandError(sentence % {"option": name, "name": "files"})

        def progress(total, label):
            return Progress(None if json else self.stdout, total, label)

        if files:
            report = runner.run_file_check(progress=progress, fix=fix, sample=sample)
        else:
            report = runner.run_topics()
        found = []
        printer = doctor.Printer(self.stdout, self.style)
        for finding in report:
            found.append(finding)
            if not json:
                self.stdout.write(printer.format(finding))
        self.stdout.write(doctor.to_json(found) if json else doctor.summarize(found))
        if any(finding.level == ERROR for finding in found):
            sys.exit(1)


def positive_int(text):
    """Return the number in a text; raises ValueError if it is below 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number
