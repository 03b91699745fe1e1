"""Settle accounts that share a name or an e-mail."""

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.keys import describe_collisions
from camp.operations.takeover import settle_accounts
from camp.operations.takeover.collisions import Settlement


class Command(BaseCommand):
    """`manage.py settle_accounts`."""

    help = (
        "Names the accounts whose user name or e-mail an older one has, in whatever case of "
        "letters; with --rename or --file gives them others."
    )

    def add_arguments(self, parser):
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--rename", action="store_true", help="give the newer ones another name")
        how.add_argument("--file", default="", metavar="FILE", help="take the names from a CSV")
        how.add_argument(
            "--template", default="", metavar="FILE", help="write such a CSV to change"
        )

    def handle(self, *args, rename, file, template, **options):
        model = get_user_model()
        if template:
            settle_accounts.write_template(model, template)
            text = _("The accounts to settle are in %(file)s.")
            self.stdout.write(text % {"file": template})
            return
        for line in settle_accounts.settle(model, Settlement(rename, file)):
            self.stdout.write(line)
        left = list(describe_collisions(model))
        for line in left:
            self.stdout.write(line)
        if left:
            raise CommandError(
                _(
                    "Settle the accounts with --rename, which gives the newer one another name, "
                    "or write them down with --template FILE, change it and add --file FILE."
                )
            )
        self.stdout.write(self.style.SUCCESS(_("No two accounts share a name or an e-mail.")))
