"""The admin of people and of who may do what. Django looks here for what is registered."""

from accounts.admin import tables, users

__all__ = ["tables", "users"]
