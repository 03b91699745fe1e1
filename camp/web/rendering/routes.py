"""URLs of many rows: resolving a name takes Django as long as rendering half a row."""

from functools import lru_cache
from urllib.parse import quote

from django.urls import reverse

UNQUOTED = "!$&'()*+,;=~:@"  # in a path segment, by RFC 3986 and as by Django's reverse


@lru_cache(maxsize=1000)
def split_url(name, *args):
    """Return what stands before and after the last argument in the URLs of a view."""
    before, _zero, after = reverse(name, args=[*args, "0"]).rpartition("0")
    return before, after


class Route:
    """The URLs of a view by its last argument: `Route("files:detail")(7)` is `/files/7/`.

    The name is resolved once. Earlier arguments are fixed.
    """

    def __init__(self, name, *args):
        self.before, self.after = split_url(name, *args)

    def __call__(self, value):
        """Return the URL for a number, or for text of one path segment."""
        if isinstance(value, str):
            value = quote(value, safe=UNQUOTED)
        return f"{self.before}{value}{self.after}"
