"""Django's `sqlflush`, whose output deletes all rows: not from a production."""

from django.core.management.commands import sqlflush
from django.utils.translation import gettext as _

from camp.operations.database import confirmation


class Command(sqlflush.Command):
    """`manage.py sqlflush`."""

    def add_arguments(self, parser):
        super().add_arguments(parser)
        confirmation.add_force_argument(parser)

    def handle(self, **options):
        confirmation.refuse_production(options)
        self.stderr.write(_("Running these statements deletes all rows, and asks nothing."))
        return super().handle(**options)
