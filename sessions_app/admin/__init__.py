"""Sessions, their messages and their members in the admin."""

from sessions_app.admin import messages, sessions

__all__ = ["messages", "sessions"]
