"""The URL converter for session IDs."""

import re

ESCAPED = re.compile("~([0-9A-F]{2})")
# Reserved: other URLs and relative path segments.
RESERVED = {"new", ".", ".."}


class SessionIdConverter:
    """Any session ID: Camp's own are UUIDs, those of an old database any text.

    Characters that a URL cannot contain are written as "~" and their code: "a/b" as "a~2Fb".
    """

    # PostgreSQL refuses NUL in a query.
    regex = r"[^/\x00]+"

    def to_python(self, value):
        """Return the session ID for a path segment; raises ValueError if there is none."""
        session_id = ESCAPED.sub(lambda match: chr(int(match[1], 16)), value).replace("\x00", "")
        if not session_id:
            raise ValueError("No session has an empty ID.")
        return session_id

    def to_url(self, value):
        """Return the path segment for a session ID."""
        safe = value.replace("~", "~7E").replace("/", "~2F")
        return f"~{ord(safe[0]):02X}{safe[1:]}" if safe in RESERVED else safe
