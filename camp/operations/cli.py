"""Run a management command, and print common errors as one sentence.

`--traceback` shows the traceback.
"""

import os
import sys

from camp.operations import error_messages, messages

SUITE_ENVIRONMENT = {
    "CAMP_ENV_FILES": "",
    "SECRET_KEY": "nothing-is-guarded-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0",
}


def run(argv: list[str]) -> int:
    """Run the management command in `argv`; return the exit code of one that failed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")
    if argv[1:2] == ["test"]:
        # The suite configures itself and must not read the user's settings.
        os.environ.update(SUITE_ENVIRONMENT)
    try:
        execute(argv)
    except Exception as error:
        sentence = None if "--traceback" in argv else error_messages.explain(error)
        if sentence is None:
            raise
        if argv[1:2] == ["doctor"]:
            from camp.operations.diagnostics import doctor

            report = doctor.format_settings_error(sentence, as_json="--json" in argv)
            sys.stdout.write(f"{report}\n")
            return 1
        sys.stderr.write(f"{sentence}\n")
        return 1
    return 0


def execute(argv: list[str]) -> None:
    """Load the settings, then let Django run the command in the user's language."""
    import django
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.utils import translation

    # Without this Django runs some commands without settings, and hides the error.
    _ = settings.INSTALLED_APPS
    django.setup()
    translation.activate(messages.preferred_language(settings.CAMP_LANGUAGE))
    execute_from_command_line(argv)
