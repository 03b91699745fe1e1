"""Redis's glob patterns, for caches that are not Redis."""

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def compile_glob(pattern: bytes) -> re.Pattern[bytes]:
    """Return a regular expression that matches what Redis's KEYS and SCAN match.

    `*` is any run of bytes, `?` one byte, `[ab]`, `[a-c]` and `[^a]` one byte of a class,
    and a backslash takes the byte after it as it stands. Patterns work on bytes, since
    Redis's do, and odd ones behave as they do there (`stringmatchlen` in Redis's util.c,
    described at https://redis.io/docs/latest/commands/keys/). Use it with `fullmatch`.
    """
    parts, at = [], 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        at += 1
        if byte == b"*":
            # A second star would only make the search slower.
            if parts[-1:] != [b".*"]:
                parts.append(b".*")
        elif byte == b"?":
            parts.append(b".")
        elif byte == b"[":
            part, at = _byte_class(pattern, at)
            parts.append(part)
        else:
            if byte == b"\\" and at < len(pattern):
                byte = pattern[at : at + 1]
                at += 1
            parts.append(re.escape(byte))
    return re.compile(b"".join(parts), re.DOTALL)


def _byte_class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """Return the class that opens before `at`, and where the pattern goes on behind it."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    members: set[int] = set()
    # A class that is never closed ends with the pattern.
    while at < len(pattern) and pattern[at : at + 1] != b"]":
        if pattern[at : at + 1] == b"\\" and at + 1 < len(pattern):
            members.add(pattern[at + 1])
            at += 2
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            members.update(range(low, high + 1))
            at += 3
        else:
            members.add(pattern[at])
            at += 1
    if not members:
        return (b"." if negated else b"(?!)"), at + 1
    listed = b"".join(b"\\x%02x" % member for member in sorted(members))
    return b"[" + b"^" * negated + listed + b"]", at + 1
