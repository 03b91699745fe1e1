"""Django's `migrate`, which leaves old databases alone and asks before it goes backwards."""

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.backup import data_loss
from camp.operations.database.old_tables import refuse_old_database

# It makes the table that says what the database is for.
MARK = ("camp", "0001_initial")


class Command(migrate.Command):
    """`manage.py migrate`."""

    def add_arguments(self, parser):
        super().add_arguments(parser)
        data_loss.add_arguments(parser)

    def handle(self, *args, **options):
        if options["database"] == "default":
            refuse_old_database()
            if not options["plan"] and not options["check_unapplied"]:
                self.confirm_reversal(options)
        super().handle(*args, **options)

    def confirm_reversal(self, options):
        """Have it confirmed where migrations are undone: what their columns hold is lost."""
        undone = undone_by(options["app_label"], options["migration_name"])
        if MARK in undone:
            raise CommandError(
                _("The table that says what this database is for stays: nothing was done.")
            )
        if undone:
            action = ngettext(
                "%(count)d migration will be undone: what its tables and columns hold is lost.",
                "%(count)d migrations will be undone: what their tables and columns hold is lost.",
                len(undone),
            )
            action %= {"count": len(undone)}
            data_loss.confirm_loss(
                options, action=action, say=self.stdout.write, stream=self.stdout
            )


def undone_by(app_label, name):
    """Return (app, name) of the migrations that going to this one would undo.

    A name that is wrong or ambiguous undoes nothing: Django has the words for it.
    """
    if not name:
        return []
    executor = MigrationExecutor(connection)
    target = None
    if name != "zero":
        try:
            target = executor.loader.get_migration_by_prefix(app_label, name).name
        except (AmbiguityError, KeyError):
            return []
    plan = executor.migration_plan([(app_label, target)])
    return [(migration.app_label, migration.name) for migration, backwards in plan if backwards]
