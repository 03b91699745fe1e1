"""Text in the form that it is searched in, and how the databases find parts of it.

Both find the same. SQLite reads all search texts of one owner in an index. PostgreSQL has an
index of all pairs of neighbouring characters, and of single ones beyond ASCII: unlike
trigrams it serves words of two characters, as many Japanese ones are, and needs no extension.
It holds the owners too, or a word of many others' rows would have all of them read.
"""

import re
import unicodedata

from django.db import connection, models
from django.db.models import Q
from django.db.models.lookups import Contains


def normalise(text):
    """Return `text` without differences of width, composition and case.

    `ＡＢＣ`, `abc` and `ABC` become equal, and so do half- and full-width katakana.
    """
    folded = unicodedata.normalize("NFKC", text or "").casefold()
    return unicodedata.normalize("NFKC", folded).replace("\x00", "")


# Of a column, all pairs of characters that stand side by side, and each one that is not ASCII.
# What follows it is part of an index: queries must say it to the letter. The separator is
# in no pair that is looked for.
SEPARATOR = "\x1f"
PAIRS = (
    r"(string_to_array(regexp_replace({0}, '..', E'\\&\x1f', 'g') || E'\x1f'"
    r" || regexp_replace(substr({0}, 2), '..', E'\\&\x1f', 'g'), E'\x1f')"
    r" || string_to_array(regexp_replace({0}, '[ -~]+', '', 'g'), NULL))"
)


def pairs(word):
    """Return what PAIRS holds of a text in which `word` stands; [] for one ASCII character."""
    if len(word) == 1:
        return [] if " " <= word <= "~" else [word]
    several = {word[start : start + 2] for start in range(len(word) - 1)}
    return sorted(pair for pair in several if SEPARATOR not in pair)


OWNER = "ARRAY[{0}]"


class Holds(models.Func):
    """Whether an indexed array made of a column holds all `values`: for PostgreSQL alone.

    `array` is PAIRS, of texts, or OWNER, of ids (bigint).
    """

    output_field = models.BooleanField()

    def __init__(self, array, column, values):
        super().__init__(models.F(column))
        self.array, self.values = array, values

    def as_postgresql(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        sql, params = compiler.compile(self.source_expressions[0])
        kind = "text" if self.array == PAIRS else "bigint"
        return f"{self.array.format(sql)} @> %s::{kind}[]", [*params, self.values]


def holding(text, column="search_text"):
    """Return the Q for rows whose column holds every word of `text`, which needs no index."""
    found = Q()
    for word in normalise(text).split():
        found &= Q(**{f"{column}__contains": word})
    return found


def looked_up(text):
    """Return the pairs of `text` by which an index leads to what holds it; [] if none does."""
    if connection.vendor != "postgresql":
        return []
    return sorted({pair for word in normalise(text).split() for pair in pairs(word)})


def by_index(rows, owner, text, column="search_text"):
    """Return those of `rows` that hold every word of `text`; quick if they are few.

    `rows` is a queryset of anybody's, of which those of the user `owner` (an id) are left; an
    index has to begin with the user and go on with the column.
    """
    if several := looked_up(text):
        conditions = Holds(OWNER, "user", [owner]), Holds(PAIRS, column, several)
        return rows.filter(holding(text, column), *conditions)
    # Said of the outer rows as well, the owner would have SQLite read all of them.
    own = rows.model._base_manager.filter(holding(text, column), user=owner)
    return rows.filter(pk__in=own.values("pk"))


def add_pairs_index(schema_editor, table, name, column="search_text", *, owner=None):
    """Make the index of PAIRS and of the column `owner`, in a migration, on PostgreSQL alone.

    New rows wait in a list that every search reads: it is kept short.
    """
    if schema_editor.connection.vendor == "postgresql":
        keys = [f"({PAIRS.format(schema_editor.quote_name(column))})"]
        if owner:
            keys.append(f"({OWNER.format(schema_editor.quote_name(owner))})")
        schema_editor.execute(
            f"CREATE INDEX {schema_editor.quote_name(name)} ON {schema_editor.quote_name(table)}"
            f" USING gin ({', '.join(keys)}) WITH (gin_pending_list_limit = 512)",
            params=None,
        )


def remove_pairs_index(schema_editor, name):
    """Take the index away again."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


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
    """Fill the column of rows that were there before it, in a migration."""
    model = apps.get_model(label)
    rows = model.objects.filter(**{column: ""}).exclude(**{source: ""}).only("pk", source)
    batch = []
    for row in rows.order_by("pk").iterator(chunk_size=1000):
        setattr(row, column, normalise(getattr(row, source))[:limit])
        batch.append(row)
        if len(batch) == 1000:
            model.objects.bulk_update(batch, [column])
            batch = []
    model.objects.bulk_update(batch, [column])
