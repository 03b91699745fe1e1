"""Move in from the old backend."""

import sys
import zoneinfo

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations.database import confirmation
from camp.operations.server import lock
from camp.operations.takeover import detection, report, run, safety
from camp.operations.takeover.collisions import Settlement
from camp.operations.takeover.names import TABLES
from camp.operations.takeover.steps import Choices


class Command(BaseCommand):
    """`manage.py takeover`."""

    requires_system_checks = ()
    help = (
        "Takes over a database of the old backend; without --apply it only tells what it would do."
    )

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="do it")
        parser.add_argument("--uploads", default="", metavar="FOLDER", help="the old files")
        parser.add_argument(
            "--link", action="store_true", help="share the old files instead of copying them"
        )
        parser.add_argument(
            "--any-size",
            action="store_true",
            help="take files that have not as many bytes as their row says, as they are",
        )
        parser.add_argument(
            "--missing",
            default="",
            metavar="FILE",
            help="write the files that are missing to a CSV",
        )
        parser.add_argument(
            "--settle", choices=["rename"], help="give accounts that collide another name"
        )
        parser.add_argument("--settle-file", default="", metavar="FILE", help="names from a CSV")
        parser.add_argument(
            "--settle-template", default="", metavar="FILE", help="write such a CSV to change"
        )
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="TABLE.COLUMN=NAME",
            help="which old column is Camp's; without a NAME there is none",
        )
        parser.add_argument(
            "--table",
            action="append",
            default=[],
            metavar="TABLE=NAME",
            help="which old table is Camp's",
        )
        parser.add_argument(
            "--timestamps-in",
            default="UTC",
            metavar="ZONE",
            help="time zone of the old times that name none, such as Asia/Tokyo",
        )
        parser.add_argument("--no-backup", action="store_true", help="make no copy first")
        confirmation.add_arguments(parser)
        lock.add_arguments(parser)

    def handle(self, *args, **options):
        asked = asked_for(options)
        if not (detection.is_old() or detection.left_beside()):
            self.already(asked, options)
            return
        if options["apply"]:
            confirmation.refuse(options)
        try:
            plan = run.examined(asked)
        except DatabaseError as error:
            sentence = _("The old database cannot be read (%(why)s).")
            raise CommandError(sentence % {"why": error_reason(error)}) from error
        for line in (*report.lines(plan), *report.plan_lines(plan)):
            self.stdout.write(line)
        if plan.all_problems:
            raise CommandError(_("Nothing was changed: see above what must be settled first."))
        if not options["apply"]:
            self.stdout.write(_("Nothing was changed. Do it with: %(fix)s") % {"fix": again()})
            return
        with lock.alone(again(), disconnect=options["disconnect"]):
            self.carry_out(asked, options, plan)

    def carry_out(self, asked, options, plan):
        """Confirm, copy, take over, and say what is next."""
        action = _("The old tables become Camp's. All rows stay.")
        confirmation.confirm(
            options, action=action, say=self.stdout.write, counts=plan.found.counts
        )
        if not options["no_backup"]:
            file = safety.copy()
            self.stdout.write(_("A copy of the database is in %(file)s.") % {"file": file})
        run.carried_out(asked, self.stdout)
        self.stdout.write(
            self.style.SUCCESS(
                _("The database is Camp's now. Start with: %(fix)s") % {"fix": shell.manage("up")}
            )
        )

    def already(self, asked, options):
        """Do what an earlier takeover left: messages out of order, bytes of files."""
        mends = run.mends(asked)
        if not (mends or options["uploads"]):
            self.stdout.write(_("There is nothing to take over: the database is not an old one."))
            return
        lines = [mend.text for mend in mends]
        if options["uploads"]:
            lines += run.left_lines(asked)
        for line in lines:
            self.stdout.write(line)
        if not options["apply"]:
            self.stdout.write(_("Nothing was changed. Do it with: %(fix)s") % {"fix": again()})
            return
        for mend in mends:
            mend.do()
        if mends:
            self.stdout.write(self.style.SUCCESS(_("This is done.")))
        if options["uploads"]:
            done = run.later(asked, self.stdout)
            text = ngettext(
                "%(count)d file has its bytes.", "%(count)d files have their bytes.", done
            )
            self.stdout.write(self.style.SUCCESS(text % {"count": done}))


def asked_for(options):
    """Return what the command line asks for, as camp.operations.takeover.run.Options."""
    zone = options["timestamps_in"]
    if zone not in zoneinfo.available_timezones():
        raise CommandError(_("There is no time zone %(zone)s.") % {"zone": zone})
    return run.Options(
        Choices(dict(map(column, options["column"])), dict(map(table, options["table"])), zone),
        Settlement(
            options["settle"] == "rename", options["settle_file"], options["settle_template"]
        ),
        options["uploads"],
        options["link"],
        options["missing"],
        options["any_size"],
    )


def column(text):
    """Return ((table, column), old name) from TABLE.COLUMN=NAME."""
    place, equals, old = text.partition("=")
    table, dot, name = place.partition(".")
    if not (equals and dot and table and name):
        raise CommandError(_("Write a column as TABLE.COLUMN=NAME, not %(text)s.") % {"text": text})
    return (table, name), old


def table(text):
    """Return (table, old name) from TABLE=NAME; the table is one of Camp's."""
    name, _equals, old = text.partition("=")
    if name not in TABLES or not old:
        values = {"text": text, "tables": ", ".join(TABLES)}
        sentence = _("Write a table as TABLE=NAME, not %(text)s. TABLE is one of %(tables)s.")
        raise CommandError(sentence % values)
    return name, old


def again():
    """Return the command as it was typed, with --apply."""
    typed = sys.argv[sys.argv.index("takeover") + 1 :] if "takeover" in sys.argv else []
    words = [shell.quoted(word) for word in typed if word != "--apply"]
    return shell.manage("takeover", *words, "--apply")
