"""Text in the form that it is searched in: the same on both databases."""

import re
from itertools import islice

from django.db import connection, models
from django.db.models import Q
from django.db.models.lookups import Contains

from camp.db.bigram_index import LedTo, pairs
from camp.fs.text import normalize

# More than anybody types. Each word is a condition on every row, and plans grow with them.
SEARCH_LENGTH = 200  # characters
SEARCH_WORDS = 10
SHORT = 2_000  # characters that a text may always become


def normalise(text):
    """Return `text` without differences of width, composition and case.

    `ＡＢＣ`, `abc` and `ABC` become equal, and so do half- and full-width katakana. A long text
    becomes at most four times as long: one character may stand for a phrase of 18 (U+FDFA), and
    nobody writes 100,000 of them.
    """
    text = text or ""
    folded = normalize(text)[: max(4 * len(text), SHORT)].casefold()
    return normalize(folded).replace("\x00", "")


def cut_search(text):
    """Return what of a typed search is looked for, to show it again: at most SEARCH_WORDS."""
    text = text.replace("\x00", "").strip()[:SEARCH_LENGTH]
    words = text.split()
    return text if len(words) <= SEARCH_WORDS else " ".join(words[:SEARCH_WORDS])


def search_words(text):
    """Return the words to look for, normalised, at most SEARCH_WORDS.

    They are counted last: NFKC makes four words of the single character U+FDFA.
    """
    return normalise(text).split()[:SEARCH_WORDS]


def holding(text, column="search_text"):
    """Return the Q for rows whose column holds every word of `text`, which needs no index."""
    found = Q()
    for word in search_words(text):
        found &= Q(**{f"{column}__contains": word})
    return found


def looked_up(text):
    """Return the pairs of `text` by which the index leads to what holds it; [] if none does."""
    return sorted({pair for word in search_words(text) for pair in pairs(word)})


def by_index(rows, owner, text):
    """Return those of `rows` that hold every word of `text`; quick if they are few.

    `rows` is a queryset of anybody's, of which those of the user `owner` (an id) are left; the
    table has to have an index as of `camp.db.bigram_index`, and one that begins with the user and
    goes on with `search_text`.
    """
    if several := looked_up(text):
        led = LedTo(rows.model._meta.db_table, owner, several)
        return rows.filter(led, holding(text))
    # Said of the outer rows as well, the owner would have SQLite read all of them.
    own = rows.model._base_manager.filter(holding(text), user=owner)
    return rows.filter(pk__in=own.values("pk"))


class SearchTextField(models.TextField):
    """A column that holds the normalised text of another field of the same row.

    It fills itself whenever the row is saved; `save(update_fields=…)` must name
    it beside its source. `limit` is the most characters kept: an indexed column
    must stay below PostgreSQL's 2,704 bytes for an index entry.
    """

    def __init__(self, *args, source=None, limit=None, **kwargs):
        self.source = source
        self.limit = limit
        kwargs.update(default="", blank=True, editable=False)
        super().__init__(*args, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        for key in ("default", "blank", "editable"):
            kwargs.pop(key, None)
        kwargs |= {"source": self.source, "limit": self.limit}
        return name, path, args, kwargs

    def pre_save(self, model_instance, add):
        text = normalise(getattr(model_instance, self.source))[: self.limit]
        setattr(model_instance, self.attname, text)
        return text


@SearchTextField.register_lookup
class ContainsAsIs(Contains):
    """`contains` on such a column: SQLite's GLOB is quicker, it need not look for both cases."""

    def as_sqlite(self, compiler, connection):
        """Return the SQL and its parameters."""
        sql, params = self.process_lhs(compiler, connection)
        pattern = re.sub(r"[*?\[]", r"[\g<0>]", self.rhs)
        return f"{sql} GLOB %s", [*params, f"*{pattern}*"]


def fill_search_text(apps, label, source, *, limit=None, column="search_text"):
    """Fill the column of rows that were written past Django, or before there was the column."""
    model = apps.get_model(label)
    rows = model.objects.filter(**{column: ""}).exclude(**{source: ""})
    texts = rows.order_by("pk").values_list("pk", source).iterator(chunk_size=1000)
    quote = connection.ops.quote_name
    update = (
        f"UPDATE {quote(model._meta.db_table)} SET {quote(column)} = %s "  # noqa: S608
        f"WHERE {quote(model._meta.pk.column)} = %s"
    )
    # bulk_update() takes five times as long.
    while batch := [(normalise(text)[:limit], pk) for pk, text in islice(texts, 1000)]:
        with connection.cursor() as cursor:
            cursor.executemany(update, batch)
