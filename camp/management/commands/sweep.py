"""Remove orphaned bytes, expired uploads and old trash."""

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.web import external_references
from files.sweep import ForeignStorage, sweep


class Command(BaseCommand):
    """`manage.py sweep`."""

    help = (
        "Removes bytes without a row and unfinished uploads, both older than an hour (objects "
        "in a bucket: two days), and what lies in the trash for longer than TRASH_DAYS."
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
        self.stdout.write(text % {"found": describe_sweep(swept)})
        if swept.referencing_tables:
            self.stderr.write(
                self.style.WARNING(
                    external_references.describe_references(sorted(swept.referencing_tables))
                )
            )


def describe_sweep(swept):
    """Return the numbers of a SweepResult as text."""
    return _(
        "unfinished uploads %(staged)d, bytes without a file %(orphans)d, "
        "from the trash files %(files)d and sessions %(sessions)d"
    ) % vars(swept)
