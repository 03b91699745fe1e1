"""Django's `migrate`, which leaves a database of the old backend alone."""

from django.core.management.commands import migrate

from camp.takeover.detection import refuse_old


class Command(migrate.Command):
    """`manage.py migrate`."""

    # For the takeover itself, while the old tables are becoming Camp's.
    stealth_options = (*migrate.Command.stealth_options, "beside_old")

    def handle(self, *args, **options):
        if options["database"] == "default" and not options.pop("beside_old", False):
            refuse_old()
        super().handle(*args, **options)
