"""Take over a database of the old backend."""

import sys
import zoneinfo

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.settlement import Settlement
from camp.config import shell
from camp.db.errors import error_reason
from camp.operations import backup
from camp.operations.database import confirmation, old_tables, server
from camp.operations.server import lock
from camp.operations.takeover import files, report, run


class Command(BaseCommand):
    """`manage.py takeover`."""

    requires_system_checks = ()
    help = "Takes over a database of the old backend. Without --apply it only reports."

    def add_arguments(self, parser):
        add = parser.add_argument
        add("--apply", action="store_true", help="do it")
        add("--uploads", default="", metavar="FOLDER", help="the old folder of files")
        add("--link", action="store_true", help="hard-link the old files instead of copying them")
        add("--any-size", action="store_true", help="accept files of another size than their row's")
        add("--missing", default="", metavar="FILE", help="write a CSV of the missing files")
        add("--settle", choices=["rename"], help="rename accounts that collide")
        add("--settle-file", default="", metavar="FILE", help="names for accounts, from a CSV")
        add("--settle-template", default="", metavar="FILE", help="write such a CSV to change")
        add(
            "--column",
            action="append",
            default=[],
            metavar="TABLE.COLUMN=NAME",
            help="the old column for one of Camp's; without a NAME there is none",
        )
        add(
            "--table",
            action="append",
            default=[],
            metavar="TABLE=NAME",
            help="the old table for one of Camp's",
        )
        add(
            "--timestamps-in",
            default="UTC",
            metavar="ZONE",
            help="time zone of old times without one, such as Asia/Tokyo",
        )
        add("--no-backup", action="store_true", help="make no copy first")
        confirmation.add_arguments(parser)
        lock.add_arguments(parser)

    def handle(self, *args, **options):
        chosen = parse_options(options)
        if not (old_tables.find_unconverted_tables() or old_tables.count_leftover_rows()):
            self.import_later(chosen, options)
            return
        if options["apply"]:
            confirmation.refuse(options)
        try:
            plan = run.examine(chosen)
        except DatabaseError as error:
            sentence = _("The old database cannot be read (%(why)s).")
            raise CommandError(sentence % {"why": error_reason(error)}) from error
        for line in report.describe_plan(plan):
            self.stdout.write(line)
        if plan.problems:
            raise CommandError(_("Nothing was changed: see above what must be settled first."))
        if not options["apply"]:
            self.stdout.write(describe_apply())
            return
        with lock.exclusive_access(repeat_with_apply(), disconnect=options["disconnect"]):
            action = _("The old tables become Camp's. All rows stay.")
            confirmation.confirm(options, action=action, say=self.stdout.write, counts=plan.counts)
            if not options["no_backup"]:
                backup.safety_copy(self.stdout.write, self.stdout, files=False)
            run.take_over(chosen, self.stdout)
        text = _("The database is Camp's now. Start with: %(fix)s")
        self.stdout.write(self.style.SUCCESS(text % {"fix": shell.manage("up")}))

    def import_later(self, chosen, options):
        """Import bytes that turned up after the takeover."""
        if not chosen.files.uploads:
            self.stdout.write(
                _("There is nothing to take over: the database is not an old one.")
                if server.is_postgresql()
                else _("There is nothing to take over: the old backend used PostgreSQL only.")
            )
            return
        for line in files.describe_import(files.list_files_without_bytes(), chosen.files)[0]:
            self.stdout.write(line)
        if not options["apply"]:
            self.stdout.write(describe_apply())
            return
        done = files.import_later(chosen.files, self.stdout)
        text = ngettext("%(count)d file has its bytes.", "%(count)d files have their bytes.", done)
        self.stdout.write(self.style.SUCCESS(text % {"count": done}))


def parse_options(options):
    """Return the run.Options that the command line gives; raises CommandError."""
    zone = options["timestamps_in"]
    if zone not in zoneinfo.available_timezones():
        raise CommandError(_("There is no time zone %(zone)s.") % {"zone": zone})
    return run.Options(
        tables=dict(map(parse_table, options["table"])),
        columns=dict(map(parse_column, options["column"])),
        zone=zone,
        settlement=Settlement(
            options["settle"] == "rename", options["settle_file"], options["settle_template"]
        ),
        files=files.FileOptions(
            options["uploads"], options["link"], options["missing"], options["any_size"]
        ),
    )


def parse_column(text):
    """Return ((table, column), old column) from TABLE.COLUMN=NAME."""
    place, equals, old = text.partition("=")
    table, _dot, column = place.partition(".")
    if not (equals and table and column):
        raise CommandError(_("Write a column as TABLE.COLUMN=NAME, not %(text)s.") % {"text": text})
    return (table, column), old


def parse_table(text):
    """Return (Camp's table, old table) from TABLE=NAME."""
    table, _equals, old = text.partition("=")
    if table not in old_tables.APPS or not old:
        sentence = _("Write a table as TABLE=NAME, not %(text)s. TABLE is one of %(tables)s.")
        values = {"text": text, "tables": ", ".join(old_tables.APPS)}
        raise CommandError(sentence % values)
    return table, old


def describe_apply():
    """Return the sentence that ends a report."""
    return _("Nothing was changed. Do it with: %(fix)s") % {"fix": repeat_with_apply()}


def repeat_with_apply():
    """Return the command as it was typed, with --apply."""
    typed = sys.argv[sys.argv.index("takeover") + 1 :] if "takeover" in sys.argv else []
    words = [shell.quote(word) for word in typed if word != "--apply"]
    return shell.manage("takeover", *words, "--apply")
