"""Add sample people, sessions and files."""

import random

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from camp.config import shell
from camp.db.pending_migrations import find_pending_migrations
from camp.operations import demo, error_messages
from camp.operations.console import Progress
from camp.operations.database import confirmation


class Command(BaseCommand):
    help = "Adds sample people, sessions and files, in Japanese and English, with real bytes."

    def add_arguments(self, parser):
        parser.add_argument("--users", type=int, default=12, metavar="N")
        parser.add_argument("--sessions", type=int, default=60, metavar="N")
        parser.add_argument("--files", type=int, default=200, metavar="N")
        parser.add_argument("--seed", type=int, help="the same number gives the same content")
        confirmation.add_force_argument(parser)

    def handle(self, *, users, sessions, files, seed, **options):
        if users < 1 or sessions < 0 or files < 0:
            raise CommandError(_("It takes at least one user, and no number below zero."))
        confirmation.refuse_production(options)
        require_tables()
        with Progress(self.stdout, users + sessions + files, _("Samples"), _("rows")) as progress:
            try:
                added = demo.fill(
                    users=users,
                    sessions=sessions,
                    files=files,
                    random=random.Random(seed),  # noqa: S311
                    now=timezone.now(),
                    progress=progress,
                )
            except OSError as error:
                sentence = _("The files cannot be kept (%(why)s). See what is left with: %(fix)s")
                values = {"why": error.strerror, "fix": shell.manage("doctor")}
                raise CommandError(sentence % values) from None
        for line in describe(added):
            self.stdout.write(line)


def require_tables():
    """Raise CommandError if the database is unreachable or not migrated."""
    try:
        connection.ensure_connection()
        pending = find_pending_migrations()
    except DatabaseError as error:
        raise CommandError(error_messages.unreachable_database(error)) from None
    if pending:
        sentence = _("The database is not up to date. Fix: %(fix)s")
        raise CommandError(sentence % {"fix": shell.manage("migrate")})


def describe(added):
    """Yield lines: what was added, and how to log in."""
    yield _(
        "Added: users %(users)s, sessions %(sessions)s with messages %(messages)s, files %(files)s."
    ) % {name: f"{getattr(added, name):,}" for name in ("users", "sessions", "messages", "files")}
    names = ", ".join(f"{name} ({language})" for language, name in added.examples.items())
    yield _("Log in as one of them, such as %(names)s. The password of all: %(password)s") % {
        "names": names,
        "password": added.password,
    }
