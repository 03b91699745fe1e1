"""The files app: what you keep."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class FilesConfig(AppConfig):
    """The file library and its bytes."""

    name = "files"
    verbose_name = _("Files")

    def ready(self):
        from files import signals

        post_migrate.connect(signals.mend_search, sender=self)
