"""Empty the database and the storage."""

from django.core.management.base import BaseCommand

from camp.operations.backup.reset import reset
from camp.operations.database import confirmation
from camp.operations.server import lock


class Command(BaseCommand):
    """`manage.py reset`."""

    help = "Puts an empty, migrated database and an empty storage in the place of what is there."

    def add_arguments(self, parser):
        parser.add_argument("--no-backup", action="store_true", help="make no backup first")
        confirmation.add_arguments(parser)
        lock.add_arguments(parser)

    def handle(self, **options):
        reset(options, say=self.stdout.write, stream=self.stdout)
