"""Make and run Camp's own PostgreSQL."""

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from camp.operations.console import make_printer
from camp.operations.local_postgres import commands


class Command(BaseCommand):
    """`manage.py postgres`."""

    requires_system_checks = ()  # they may query the database
    help = "Makes and runs a PostgreSQL in Camp's data folder, without root and without Docker."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", required=True)
        init = actions.add_parser("init", help="make it, with its database, and start it")
        init.add_argument("--port", type=int, help="port to listen on (default: 5432, if free)")
        init.add_argument(
            "--write", action="store_true", help="put DATABASE_URL into .env.local as well"
        )
        init.add_argument(
            "--move", action="store_true", help="move the accounts, sessions and files of SQLite"
        )
        init.add_argument(
            "--binaries", metavar="DIR", help="folder of initdb, pg_ctl and postgres to use"
        )
        for name, text in (("start", "start it"), ("restart", "stop it and start it again")):
            action = actions.add_parser(name, help=text)
            action.add_argument("--port", type=int, help="port to listen on from now on")
        actions.add_parser("stop", help="stop it, ending its connections")
        actions.add_parser("status", help="print its state; exit code 3 if it is stopped")
        url = actions.add_parser("url", help="print the DATABASE_URL line, with the password")
        url.add_argument("--write", action="store_true", help="put it into .env.local instead")
        actions.add_parser("move", help="move everything in SQLite to the one in DATABASE_URL")
        role = actions.add_parser("role", help="log in as a role that is no superuser")
        role.add_argument("--write", action="store_true", help="put it into .env.local as well")

    def handle(self, *, action, **options):
        if not 0 < (options.get("port") or 1) < 65536:
            raise CommandError(_("The port must be from 1 to 65535."))
        arguments = {
            "init": ("port", "binaries", "write", "move"),
            "start": ("port",),
            "restart": ("port",),
            "stop": (),
            "status": (),
            "move": (),
            "url": ("write",),
            "role": ("write",),
        }
        given = {name: options[name] for name in arguments[action]}
        getattr(commands, action)(**given, say=make_printer(self.stdout))
