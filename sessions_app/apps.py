"""The sessions app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SessionsConfig(AppConfig):
    """Sessions and their messages."""

    name = "sessions_app"
    verbose_name = _("Sessions")
