"""Lists paged by key: each page costs the same, however far down it is.

The address of a page carries the sort key of its neighbour's last row, so rows
that come or go meanwhile never shift the list. See
https://use-the-index-luke.com/no-offset for the method.
"""

import base64
import binascii
import json
import re
from datetime import datetime

from django.core.exceptions import FieldError, ValidationError
from django.db.models import Q
from django.http import Http404

PAGE_SIZE = 50


class KeyPage:
    """One page of a queryset, ordered by `keys`.

    `keys` are field names as in `order_by` (`-updated_at`); the last must be
    unique (`-id`) and none may be null. `params` are the query parameters of
    the request; those besides `after` and `before` are kept in the links. `find`
    fetches as `first_rows` does. Costs one query with the latter. Raises Http404 for
    an address that was tampered with.

    Iterate it for the rows; `next_url` and `previous_url` are "" at the ends.
    """

    def __init__(self, queryset, keys, params, size=PAGE_SIZE, find=None):
        self.keys, self.params, self.size = keys, params, size
        self.backwards = bool(params.get("before")) and not params.get("after")
        token = params.get("before" if self.backwards else "after", "")
        order = [flipped(key) for key in keys] if self.backwards else keys
        rows = self.found(find or first_rows, queryset, order, token)
        more, rows = len(rows) > size, rows[:size]
        if self.backwards:
            rows.reverse()
        self.rows = rows
        # Where we came from there is always a page, unless its rows went meanwhile.
        self.has_next = bool(rows) and (more or self.backwards)
        self.has_previous = bool(rows) and (more if self.backwards else bool(token))

    def found(self, find, queryset, order, token):
        """Return the rows behind the one that `token` names, and one more than a page has."""
        beyond = condition(order, decode(token, len(order))) if token else Q()
        try:
            # Some values, as a time before the year 1, fail only when they meet the database.
            return find(queryset, order, beyond, self.size + 1)
        except (FieldError, ValidationError, ValueError, TypeError, OverflowError) as error:
            if not token:
                raise
            raise Http404 from error

    @property
    def next_url(self):
        """Return the query string of the page that follows."""
        return self.link("after", self.rows[-1]) if self.has_next else ""

    @property
    def previous_url(self):
        """Return the query string of the page before."""
        return self.link("before", self.rows[0]) if self.has_previous else ""

    def link(self, word, row):
        params = self.params.copy()
        for key in ("after", "before"):
            params.pop(key, None)
        params[word] = encode([getattr(row, key.lstrip("-")) for key in self.keys])
        return f"?{params.urlencode()}"

    def __iter__(self):
        return iter(self.rows)

    def __len__(self):
        return len(self.rows)


def first_rows(queryset, order, beyond, count):
    """Return the first `count` rows in `order` behind the Q `beyond`."""
    return list(queryset.filter(beyond).order_by(*order)[:count])


def flipped(key):
    """Return the opposite order of a key."""
    return key[1:] if key.startswith("-") else f"-{key}"


def condition(order, values, inclusive=False):
    """Return the Q for the rows that come after `values` in `order`, or also those of `values`.

    The first key stands alone as well, so that an index on it bounds the scan.
    """
    found = Q()
    equal = {}
    for key, value in zip(order, values, strict=True):
        name, side = (key[1:], "lt") if key.startswith("-") else (key, "gt")
        if inclusive and key == order[-1]:
            side += "e"
        found |= Q(**equal, **{f"{name}__{side}": value})
        equal[name] = value
    first, value = order[0], values[0]
    bound = {f"{first[1:]}__lte": value} if first.startswith("-") else {f"{first}__gte": value}
    return Q(**bound) & found


def encode(values):
    """Return sort values as one word for an address."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(token, count):
    """Return the values of `encode`; raise Http404 if they are not `count` plain ones."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        values = json.loads(text)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Http404 from error
    if not isinstance(values, list) or len(values) != count or not all(map(usable, values)):
        raise Http404
    return values


def usable(value):
    """Return whether a database takes a value that came with an address."""
    if type(value) is int:
        return abs(value) <= 2**62
    # NUL and half a surrogate pair are text to JSON, but to no database.
    return type(value) is str and not re.search("[\x00\ud800-\udfff]", value)
