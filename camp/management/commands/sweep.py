"""Remove orphaned bytes, old trash and expired log-ins."""

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from camp.web import external_references
from files.sweep import ForeignStorage, sweep


class Command(BaseCommand):
    help = (
        "Removes bytes without a row and unfinished uploads, both older than an hour (objects "
        "in a bucket: two days), what has been in the trash for longer than TRASH_DAYS, and "
        "expired log-ins. Finishes the deletions of accounts and sessions that were interrupted. "
        "At the end it does what `notify` does."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")
        parser.add_argument(
            "--force",
            action="store_true",
            help="Go on even if most of the stored bytes have no row in this database.",
        )

    def handle(self, *args, **options):
        try:
            swept = sweep(dry_run=options["dry_run"], force=options["force"])
        except ForeignStorage as error:
            raise CommandError(
                _(
                    "%(orphans)d stored files are unknown to this database, and %(known)d are "
                    "known. Does the storage belong to another database? Nothing was removed; "
                    "with --force they go."
                )
                % vars(error)
            ) from None
        except OSError as error:
            sentence = _("The stored bytes cannot be looked through (%(why)s).")
            raise CommandError(sentence % {"why": error.strerror or error}) from None
        text = _("Would remove: %(found)s.") if options["dry_run"] else _("Removed: %(found)s.")
        expired = Session.objects.filter(expire_date__lt=timezone.now())
        log_ins = expired.count() if options["dry_run"] else expired.delete()[0]
        self.stdout.write(text % {"found": describe(swept, log_ins)})
        if swept.referencing_tables:
            self.stderr.write(
                self.style.WARNING(
                    external_references.describe_references(sorted(swept.referencing_tables))
                )
            )
        if settings.EMAIL_IS_SET_UP and not options["dry_run"]:
            call_command("notify", stdout=self.stdout, verbosity=0)


def describe(swept, log_ins):
    """Return the counts of a sweep as text."""
    return _(
        "unfinished uploads %(staged)d, bytes without a file %(orphans)d, "
        "from the trash files %(files)d, sessions %(sessions)d and messages %(messages)d, "
        "interrupted deletions %(unfinished)d, expired log-ins %(log_ins)d"
    ) % {**vars(swept), "log_ins": log_ins}
