"""Django's `loaddata`, which overwrites rows of the same key: not in a production."""

from django.core.management.commands import loaddata

from camp.operations.database import confirmation


class Command(loaddata.Command):
    """`manage.py loaddata`."""

    def add_arguments(self, parser):
        super().add_arguments(parser)
        confirmation.add_force_argument(parser)

    def handle(self, *labels, **options):
        if options["database"] == "default":
            confirmation.refuse_production(options)
        super().handle(*labels, **options)
