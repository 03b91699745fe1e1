"""The admin of files, quotas, links and uploads. Django looks here for what is registered."""

from files.admin import files, quotas, shares, uploads

__all__ = ["files", "quotas", "shares", "uploads"]
