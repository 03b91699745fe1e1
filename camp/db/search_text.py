"""Normalised text for the search, the same on both databases."""

import re
from itertools import islice

from django.db import connection, models
from django.db.models.lookups import Contains

from camp.db.bigram_index import bigram_match
from camp.fs.text import normalize

# Each word is a condition on every row.
SEARCH_LENGTH = 200  # characters
SEARCH_WORDS = 10
SHORT = 2_000  # characters that a normalised text may always have


def normalize_for_search(text):
    """Return `text` without differences of width, composition and case.

    `ＡＢＣ`, `abc` and `ABC` become equal, and so do half- and full-width katakana. A long text
    is cut to four times its length, since one character (U+FDFA) may become 18.
    """
    text = text or ""
    folded = normalize(text)[: max(4 * len(text), SHORT)].casefold()
    return normalize(folded).replace("\x00", "")


def cut_search(text):
    """Return the part of a typed search that is used, at most SEARCH_WORDS words."""
    text = text.replace("\x00", "").strip()[:SEARCH_LENGTH]
    words = text.split()
    return text if len(words) <= SEARCH_WORDS else " ".join(words[:SEARCH_WORDS])


def search_words(text):
    """Return the normalised words of a search, at most SEARCH_WORDS.

    Normalising may add words: NFKC makes four of the single character U+FDFA.
    """
    return normalize_for_search(text).split()[:SEARCH_WORDS]


def search_rows(rows, text, owner=None):
    """Return those of `rows` whose `search_text` contains every word of `text`.

    With `owner` (an ID) only those of that user, found by the bigram index of the table: fast if
    few match.
    """
    words = search_words(text)
    matching = rows
    for word in words:
        matching = matching.filter(search_text__contains=word)
    if owner is None:
        return matching
    match = bigram_match(rows.model, words, owner)
    if match is None:
        # One ASCII character: a subquery that an index of user and text covers.
        own = search_rows(rows.model._base_manager.filter(user=owner), text)
        return rows.filter(pk__in=own.values("pk"))
    # Without user=owner, for which SQLite would read all rows of the owner.
    return matching.filter(match)


class SearchTextField(models.TextField):
    """The normalised text of another field (`source`) of the same row.

    It is filled when the row is saved; `save(update_fields=…)` must name it beside its source.
    With `attribute` the text is that of another attribute of the row, which contains the source.
    `limit` is the maximum of characters: PostgreSQL allows 2,704 bytes for an index entry.
    """

    def __init__(self, *args, source=None, attribute=None, limit=None, **kwargs):
        self.source = source
        # Not deconstructed: the models of migrations have fields only.
        self.attribute = attribute or source
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
        text = normalize_for_search(getattr(model_instance, self.attribute))[: self.limit]
        setattr(model_instance, self.attname, text)
        return text


@SearchTextField.register_lookup
class ContainsAsIs(Contains):
    """`contains` with SQLite's GLOB, which is faster since it is case-sensitive."""

    def as_sqlite(self, compiler, connection):
        """Return the SQL and its parameters."""
        sql, params = self.process_lhs(compiler, connection)
        pattern = re.sub(r"[*?\[]", r"[\g<0>]", self.rhs)
        return f"{sql} GLOB %s", [*params, f"*{pattern}*"]


def fill_search_text(apps, label, source, *, limit=None):
    """Fill `search_text` of rows that other programs wrote, or that are older than the column."""
    model = apps.get_model(label)
    rows = model.objects.filter(search_text="").exclude(**{source: ""})
    texts = rows.order_by("pk").values_list("pk", source).iterator(chunk_size=1000)
    quote = connection.ops.quote_name
    update = (
        f"UPDATE {quote(model._meta.db_table)} SET search_text = %s "  # noqa: S608
        f"WHERE {quote(model._meta.pk.column)} = %s"
    )
    # bulk_update() takes five times as long.
    while batch := [(normalize_for_search(text)[:limit], pk) for pk, text in islice(texts, 1000)]:
        with connection.cursor() as cursor:
            cursor.executemany(update, batch)
