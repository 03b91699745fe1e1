"""Settle accounts that share a name or an e-mail."""

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts import settlement
from accounts.keys import describe_collisions


class Command(BaseCommand):
    """`manage.py settle_accounts`."""

    help = (
        "Lists the accounts whose user name or e-mail an older one has when case is ignored. "
        "With --rename or --file it gives them others."
    )

    def add_arguments(self, parser):
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--rename", action="store_true", help="rename the newer accounts")
        how.add_argument(
            "--file", default="", metavar="FILE", help="names for accounts, from a CSV"
        )
        how.add_argument(
            "--template", default="", metavar="FILE", help="write such a CSV to change"
        )

    def handle(self, *args, rename, file, template, **options):
        model = get_user_model()
        if template:
            accounts = settlement.read_current_accounts(model)
            settlement.write_template(template, accounts)
            text = _("The accounts to settle are in %(file)s.")
            self.stdout.write(text % {"file": template})
            return
        for line in settlement.settle(model, settlement.Settlement(rename, file)):
            self.stdout.write(line)
        left = list(describe_collisions(model))
        for line in left:
            self.stdout.write(line)
        if left:
            raise CommandError(
                _(
                    "Settle the accounts with --rename, which gives the newer one another name. "
                    "Or write them to a file with --template FILE, change it and add --file FILE."
                )
            )
        self.stdout.write(self.style.SUCCESS(_("No two accounts share a name or an e-mail.")))
