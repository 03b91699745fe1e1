"""The files app: what you keep."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def at_least_one(text):
    """Return the number that somebody typed; raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


# Of `manage.py doctor --files`
OPTIONS = (
    (
        "--fix",
        {"action": "store_true", "help": "correct rows and remove leftovers; no file goes by it"},
    ),
    (
        "--sample",
        {
            "type": at_least_one,
            "metavar": "N",
            "help": "read the bytes of N files only, chosen at random",
        },
    ),
)


class FilesConfig(AppConfig):
    """The file library and its bytes."""

    name = "files"
    verbose_name = _("Files")

    def ready(self):
        from camp.operations.diagnostics import registry
        from files import signals

        post_migrate.connect(signals.mend_search, sender=self)
        registry.register("files", "camp.operations.diagnostics.files.look", needs_database=True)
        registry.register_check_up(
            "files",
            "camp.operations.diagnostics.file_check.look",
            help="look at all files and all their bytes instead; changes nothing without --fix",
            options=OPTIONS,
        )
