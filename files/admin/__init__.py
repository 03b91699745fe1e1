"""The admin of files, quotas, links and uploads; Django imports this package."""

from files.admin import files, quotas, shares, uploads

__all__ = ["files", "quotas", "shares", "uploads"]
