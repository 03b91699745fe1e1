"""Keyset pagination: each page costs the same, however far down it is.

The URL of a page contains the sort key of the row before it, so new and deleted rows never
shift the list. See https://use-the-index-luke.com/no-offset.
"""

import base64
import binascii
import json
import re
from datetime import datetime

from django.core.exceptions import FieldError, ValidationError
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.http import Http404

PAGE_SIZE = 50


class KeysetPage:
    """One page of a queryset, ordered by `keys`.

    `keys` are field names as in `order_by` (`-updated_at`); the last must be unique (`-id`) and
    none may be null. `params` are the query parameters of the request, which the links keep. One
    query. Raises Http404 for an invalid `after` or `before`.

    Instead of a queryset it may be a compiled query with the options `after`, a Q, `order` and
    `count`; see camp.db.compiled_query.

    Iterate it for the rows; `next_url` and `previous_url` are "" at the ends.
    """

    def __init__(self, queryset, keys, params, size=PAGE_SIZE):
        self.keys, self.params, self.size = keys, params, size
        backwards = bool(params.get("before")) and not params.get("after")
        token = params.get("before" if backwards else "after", "")
        order = [reverse_key(key) for key in keys] if backwards else keys
        after = rows_after(order, decode(token, len(order))) if token else Q()
        try:
            # Some values, such as a time before the year 1, fail only in the database.
            rows = self.fetch(queryset, order, after, size + 1)
        except (FieldError, ValidationError, ValueError, TypeError, OverflowError) as error:
            if not token:
                raise
            raise Http404 from error
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self.rows = rows
        # The page that linked here exists, unless its rows were deleted meanwhile.
        self.has_next = bool(rows) and (more or backwards)
        self.has_previous = bool(rows) and (more if backwards else bool(token))

    def fetch(self, queryset, order, after, count):
        """Return the first `count` rows after a Q."""
        if callable(queryset):
            return queryset(after=after, order=tuple(order), count=count)
        return list(queryset.filter(after).order_by(*order)[:count])

    @property
    def next_url(self):
        """The query string of the next page."""
        return self.link("after", self.rows[-1]) if self.has_next else ""

    @property
    def previous_url(self):
        """The query string of the previous page."""
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


def reverse_key(key):
    """Return the opposite order of a key."""
    return key[1:] if key.startswith("-") else f"-{key}"


def hide_order(key):
    """COALESCE a key of `order_by`, so that the planner does not use the index of the order."""
    name = key.lstrip("-")
    hidden = Coalesce(F(name), F(name))
    return hidden.desc() if key.startswith("-") else hidden


def rows_after(order, values):
    """Return the Q for the rows that come after `values` in `order`.

    The first key is also a condition by itself, so that an index on it bounds the scan.
    """
    found, equal = Q(), {}
    for key, value in zip(order, values, strict=True):
        name, side = (key[1:], "lt") if key.startswith("-") else (key, "gt")
        found |= Q(**equal, **{f"{name}__{side}": value})
        equal[name] = value
    first, value = order[0], values[0]
    bound = {f"{first[1:]}__lte": value} if first.startswith("-") else {f"{first}__gte": value}
    return Q(**bound) & found


def encode(values):
    """Return sort values as one URL-safe word."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=str)  # UUIDs
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(token, count):
    """Return the values of `encode`; raise Http404 if there are not `count` valid ones."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        values = json.loads(text)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Http404 from error
    if not isinstance(values, list) or len(values) != count or not all(map(is_valid, values)):
        raise Http404
    return values


def is_valid(value):
    """Return whether a database accepts a value from a URL."""
    if type(value) is int:
        return abs(value) <= 2**62
    # JSON allows NUL and lone surrogates, databases do not.
    return type(value) is str and not re.search("[\x00\ud800-\udfff]", value)
