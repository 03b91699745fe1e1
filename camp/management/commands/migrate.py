"""Django's `migrate`, which leaves a database of the old backend alone."""

from django.core.management.commands import migrate

from camp.takeover.detection import refuse_old


class Command(migrate.Command):
    """`manage.py migrate`."""

    def handle(self, *args, **options):
        if options["database"] == "default":
            refuse_old()
        super().handle(*args, **options)
