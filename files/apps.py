"""The files app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class FilesConfig(AppConfig):
    """Uploads, the file library and shared links."""

    name = "files"
    verbose_name = _("Files")

    def ready(self):
        from files import signals

        post_migrate.connect(signals.repair_search_indexes, sender=self)
