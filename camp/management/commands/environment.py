"""Say or change what this place is for."""

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from camp.operations.database import confirmation, server
from camp.operations.database.environment import (
    ENVIRONMENTS,
    current,
    mark,
    read_mark,
    strictness,
)


class Command(BaseCommand):
    """`manage.py environment`."""

    help = (
        "Shows or changes what the database is marked as; it or the settings, the stricter rules."
    )

    def add_arguments(self, parser):
        parser.add_argument("environment", nargs="?", choices=ENVIRONMENTS)
        confirmation.add_arguments(parser)

    def handle(self, *, environment, **options):
        known = read_mark()
        if environment and environment != known:
            self.change(known, environment, options)
        self.stdout.write(
            _("Database: %(mark)s. Settings: %(settings)s. What rules: %(rules)s.")
            % {
                "mark": read_mark() or "-",
                "settings": settings.CAMP_ENVIRONMENT,
                "rules": current(),
            }
        )

    def change(self, known, environment, options):
        """Mark the database; a less strict mark is confirmed by its name first."""
        if strictness(environment) < strictness(known):
            action = _("The mark %(old)s becomes %(new)s: what protects this database is loosened.")
            confirmation.confirm(
                # The mark itself would forbid what this command is for.
                options | {"force_production": server.locate_database().name},
                action=action % {"old": known, "new": environment},
                say=self.stdout.write,
            )
        mark(environment)
