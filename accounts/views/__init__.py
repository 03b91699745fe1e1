"""Views by topic. Those whose addresses are not under /accounts/ are named here."""

from accounts.views.profile import set_language
from accounts.views.sign_up import setup

__all__ = ["set_language", "setup"]
