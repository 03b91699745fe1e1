"""Account views by topic. Views whose URLs are not under /accounts/ are exported here."""

from accounts.views.profile import set_language
from accounts.views.sign_up import setup

__all__ = ["set_language", "setup"]
