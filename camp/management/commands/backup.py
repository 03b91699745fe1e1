"""Back up the database and the files into one archive, or verify one."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import backup
from camp.operations.backup import report


class Command(BaseCommand):
    """`manage.py backup`."""

    help = "Backs up the database and the files into one archive, or verifies one."

    def add_arguments(self, parser):
        parser.add_argument(
            "--verify", type=Path, metavar="FILE", help="make no backup: verify FILE"
        )
        parser.add_argument(
            "--output", type=Path, metavar="PATH", help="a file or a folder; default var/backups"
        )
        parser.add_argument("--no-files", action="store_true", help="the database alone")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--portable", action="store_true", help="for both SQLite and PostgreSQL")
        form.add_argument("--sql", action="store_true", help="the database alone, as plain SQL")
        parser.add_argument(
            "--keep", type=int, metavar="N", help="remove all but N backups of the same kind"
        )

    def handle(self, *, verify, output, keep, **options):
        if verify:
            for line in backup.verify(verify, stream=self.stdout):
                self.stdout.write(line)
            return
        if keep is not None and keep < 1:
            raise CommandError(_("Keep at least one backup."))
        backup_options = backup.BackupOptions(
            output=output,
            files=not options["no_files"],
            portable=options["portable"],
            sql=options["sql"],
            keep=keep,
        )
        try:
            result = backup.create_backup(backup_options, stream=self.stdout)
        except KeyboardInterrupt:
            raise CommandError(_("Interrupted: no backup was made."), returncode=130) from None
        for line in report.lines(result):
            self.stdout.write(line)
        for line in report.warnings(result):
            self.stderr.write(self.style.WARNING(line))
        fix = shell.manage("restore", shell.quote(result.path))
        self.stdout.write(_("Restore it with: %(fix)s") % {"fix": fix})
