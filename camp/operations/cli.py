"""Run a management command, and put what commonly goes wrong into one sentence.

A traceback is for whoever looks for a bug: `--traceback` brings it back.
"""

import os
import sys

from camp.operations import error_messages, messages

SUITE_ENVIRONMENT = {
    "CAMP_ENV_FILES": "",
    "SECRET_KEY": "nothing-is-guarded-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0",
}


def run(argv):
    """Run the management command in `argv`; return the exit code of one that failed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")
    if argv[1:2] == ["test"]:
        # The suite configures itself: the person's settings are neither read nor made.
        os.environ.update(SUITE_ENVIRONMENT)
    try:
        execute(argv)
    except Exception as error:
        sentence = None if "--traceback" in argv else error_messages.sentence(error)
        if sentence is None:
            raise
        if argv[1:2] == ["doctor"]:
            from camp.operations.diagnostics import doctor

            sys.stdout.write(f"{doctor.not_started(sentence, as_json='--json' in argv)}\n")
            return 1
        sys.stderr.write(f"{sentence}\n")
        return 1
    return 0


def execute(argv):
    """Load the settings, then let Django run the command in the person's language."""
    import django
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.utils import translation

    # Django would run some commands without settings, and hide why they failed.
    _ = settings.INSTALLED_APPS
    django.setup()
    translation.activate(messages.language())
    execute_from_command_line(argv)
