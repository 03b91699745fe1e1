"""Django's `flush`, which asks as `reset` does and keeps what the database is marked as."""

from django.core.management.commands import flush
from django.utils.translation import gettext as _

from camp.operations.backup import data_loss
from camp.operations.database import environment


class Command(flush.Command):
    """`manage.py flush`."""

    def add_arguments(self, parser):
        super().add_arguments(parser)
        data_loss.add_arguments(parser)

    def handle(self, **options):
        # Django's test cases, which give this option, empty databases of their own.
        if options["database"] != "default" or "inhibit_post_migrate" in options:
            super().handle(**options)
            return
        present = environment.current()
        action = _("All rows of all tables will be deleted. The stored files stay for an hour.")
        data_loss.confirm_loss(options, action=action, say=self.stdout.write, stream=self.stdout)
        super().handle(**{**options, "interactive": False})
        environment.mark(present)
