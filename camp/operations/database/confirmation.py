"""Confirm destructive commands: say what is lost, and ask for the database's name.

The name is typed at a terminal, or given with --no-input --name. A production database, by its
own mark or by the settings, is refused unless it is named with --force-production.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management import CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations.console import Say
from camp.operations.database import environment, server
from camp.operations.database.server import DatabaseLocation


def add_arguments(parser: ArgumentParser) -> None:
    """Give a command the options that `refuse` and `confirm` read."""
    parser.add_argument("--no-input", action="store_true", help="ask nothing; needs --name")
    parser.add_argument("--name", default="", help="the name of the database, as a confirmation")
    add_force_argument(parser)


def add_force_argument(parser: ArgumentParser) -> None:
    """Give a command the option that `refuse_production` reads."""
    parser.add_argument(
        "--force-production",
        metavar="NAME",
        default="",
        help="go on although NAME is a production database",
    )


def refuse(options: dict[str, Any]) -> None:
    """Raise CommandError where `confirm` would refuse in any case; asks nothing."""
    refuse_production(options)
    name = server.locate_database().name
    if options["no_input"]:
        if options["name"] != name:
            raise CommandError(explain_wrong_name(name))
    elif not (sys.stdin and sys.stdin.isatty()):
        sentence = _("There is no terminal to ask at: nothing was done. Confirm with: %(fix)s")
        fix = f"--no-input --name {shell.quote(name)}"
        raise CommandError(sentence % {"fix": fix})


def refuse_production(options: dict[str, Any]) -> None:
    """Raise CommandError for a production database that --force-production does not name."""
    name = server.locate_database().name
    if environment.is_production() and options["force_production"] != name:
        sentence = _(
            "The database %(name)s is a production database: nothing was done. To go on anyway, "
            "add: %(fix)s"
        )
        fix = f"--force-production {shell.quote(name)}"
        raise CommandError(sentence % {"name": name, "fix": fix})


def confirm(
    options: dict[str, Any], *, action: str, say: Say, counts: dict[str, int] | None = None
) -> None:
    """Say what is lost and have the database's name typed; raises CommandError if not.

    `action` is a sentence that says what will happen. `say` prints a line, `counts` is
    {table: rows} where it is known already.
    """
    refuse(options)
    place = server.locate_database()
    for line in describe_database(place, counts):
        say(line)
    say(action)
    if options["no_input"]:
        return
    try:
        answer = input(
            _("Type the name of the database (%(name)s) to go on: ") % {"name": place.name}
        )
    except EOFError:
        answer = ""
    if answer.strip() != place.name:
        raise CommandError(explain_wrong_name(place.name))


def describe_database(
    place: DatabaseLocation, counts: dict[str, int] | None = None
) -> Iterator[str]:
    """Yield lines that say which database it is, and what is in it."""
    where = f" ({place.host})" if place.host else ""
    values = {"engine": place.engine, "name": place.name, "where": where}
    yield _("Database: %(name)s on %(engine)s%(where)s") % values
    yield _("Environment: %(environment)s") % {"environment": environment.current()}
    try:
        counts = server.row_counts() if counts is None else counts
    except (DatabaseError, UnicodeDecodeError) as error:
        yield _("Its content cannot be read (%(why)s).") % {"why": error_reason(error)}
        return
    if not counts:
        yield _("It is empty.")
    for table, rows in counts.items():
        if rows:
            yield "  " + ngettext("%(table)s: %(rows)s row", "%(table)s: %(rows)s rows", rows) % {
                "table": table,
                "rows": f"{rows:,}",
            }


def explain_wrong_name(name: str) -> str:
    """Return the sentence for a name that is not that of the database."""
    return _("That is not the name of the database, which is %(name)s: nothing was done.") % {
        "name": name
    }
