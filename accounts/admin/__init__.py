"""The admin of accounts, groups and records. Django's autodiscovery imports this package."""

from accounts.admin import tables, users

__all__ = ["tables", "users"]
