"""The accounts app: who you are."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, sign-up, log-in, profile and passwords."""

    name = "accounts"
    verbose_name = _("Accounts")
