"""URLs of many rows: resolving a name takes Django as long as rendering half a row."""

from urllib.parse import quote

from django.urls import reverse

UNQUOTED = "!$&'()*+,;=~:@"  # in a path segment, by RFC 3986 and as by Django's reverse


class Route:
    """The URLs of a view by its last argument: `Route("files:detail")(7)` is `/files/7/`.

    The name is resolved once. Earlier arguments are fixed.
    """

    def __init__(self, name, *args):
        self.before, _zero, self.after = reverse(name, args=[*args, "0"]).rpartition("0")

    def __call__(self, value):
        """Return the URL for a number, or for text of one path segment."""
        if isinstance(value, str):
            value = quote(value, safe=UNQUOTED)
        return f"{self.before}{value}{self.after}"
