"""Replace the database and the files by a backup."""

from pathlib import Path

from django.core.management.base import BaseCommand

from camp.operations.backup.restore import restore
from camp.operations.backup.restore.missing_files import restore_missing
from camp.operations.console import make_printer
from camp.operations.database import confirmation
from camp.operations.server import lock


class Command(BaseCommand):
    """`manage.py restore FILE`."""

    requires_system_checks = ()  # what is broken here may be what shall be replaced
    help = (
        "Replaces the database and the files by those of an archive, or the database by a plain "
        "SQL dump. All of it is verified first, and a backup is made."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="an archive, or a plain SQL dump")
        parser.add_argument(
            "--missing",
            action="store_true",
            help="bring back only files whose bytes are missing or damaged; nothing else changes",
        )
        parser.add_argument("--no-files", action="store_true", help="leave the files as they are")
        parser.add_argument(
            "--no-backup", action="store_true", help="make no backup of what is replaced"
        )
        parser.add_argument(
            "--as-superuser",
            metavar="ROLE",
            default="",
            help="run a trusted dump as the superuser ROLE of PostgreSQL",
        )
        confirmation.add_arguments(parser)
        lock.add_arguments(parser)

    def handle(self, *, file, **options):
        if options["missing"]:
            restore_missing(file, say=make_printer(self.stdout), stream=self.stdout)
            return
        restore(file, options, say=make_printer(self.stdout), stream=self.stdout)
