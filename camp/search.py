"""Text in the form that it is searched in, the same on both databases."""

import unicodedata

from django.db import models


def normalise(text):
    """Return `text` without differences of width, composition and case.

    `ＡＢＣ`, `abc` and `ABC` become equal, and so do half- and full-width katakana.
    """
    folded = unicodedata.normalize("NFKC", text or "").casefold()
    return unicodedata.normalize("NFKC", folded).replace("\x00", "")


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
