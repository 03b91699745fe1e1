"""The files app: what you keep."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FilesConfig(AppConfig):
    """The file library and its bytes."""

    name = "files"
    verbose_name = _("Files")

    def ready(self):
        from files import signals  # noqa: F401
