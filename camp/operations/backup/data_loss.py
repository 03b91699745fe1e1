"""What Django's own commands ask before they destroy data, as `reset` and `restore` do."""

from argparse import ArgumentParser
from typing import Any, TextIO

from camp.operations import backup
from camp.operations.console import Say
from camp.operations.database import confirmation


def add_arguments(parser: ArgumentParser) -> None:
    """Give a command of Django's, which has --no-input already, what `confirm_loss` reads."""
    parser.add_argument("--name", default="", help="the name of the database, as a confirmation")
    parser.add_argument("--no-backup", action="store_true", help="make no backup first")
    confirmation.add_force_argument(parser)


def confirm_loss(options: dict[str, Any], *, action: str, say: Say, stream: TextIO) -> None:
    """Have the database's name typed and make a backup; raises CommandError otherwise.

    `action` is the sentence that says what will happen, `say` prints a line and progress goes
    to `stream`.
    """
    options = {**options, "no_input": not options["interactive"]}
    confirmation.confirm(options, action=action, say=say)
    if not options["no_backup"]:
        backup.safety_copy(say, stream)
