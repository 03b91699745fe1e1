"""The accounts app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, sign-up, log-in, profile and passwords."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self):
        from accounts import keys

        post_migrate.connect(keys.fill_after_migrate, sender=self)
