"""The sessions app."""

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from camp.db import bigram_index


class SessionsConfig(AppConfig):
    """Sessions and their messages."""

    name = "sessions_app"
    verbose_name = _("Sessions")

    def ready(self):
        from sessions_app import signals  # noqa: F401

        post_migrate.connect(repair_search_indexes, sender=self)


def repair_search_indexes(using, **kwargs):
    """Rebuild the search indexes that a migration has broken; for post_migrate."""
    keys = ("all_sample_sessions", "all_sample_messages")
    bigram_index.repair(connections[using], ("sessions_app", "0008_search_indexes"), *keys)
