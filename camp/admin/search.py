"""Searches of the admin's lists, served by indexes however many rows there are.

`search_fields` of a ModelAdmin say how a row is found:

- `sha256__exact`: the whole text is the value of the column;
- `search_text__contains`: every word is in one of these columns; a bigram index leads there;
- `user__email_key__contains`: a row of the relation is found by its part of the path.

A word that exactly names a row of a relation, such as an e-mail, also leaves the rows of that one
which the other words find.
"""

from django.db.models import Q
from django.utils.translation import gettext as _

from camp.admin.pagination import first_keys
from camp.admin.widgets import is_value_of
from camp.db.bigram_index import bigram_match
from camp.db.search_text import search_words

# The paths by which the rows of a user are found.
OWNER_FIELDS = [
    "user__username_key__contains",
    "user__email_key__contains",
    "user__username_key__exact",
    "user__email_key__exact",
]
RELATED = 100  # rows of a relation whose rows are shown, the newest ones
NOTHING = Q(pk__in=[])


class Search:
    """The conditions of a search in the table of `model` by `fields`.

    `plain` can be checked row by row. `indexed` leads to the matches through indexes; they are all
    if `complete`. `is_cut` says that more than RELATED rows of a relation were found.
    """

    def __init__(self, model, fields, text):
        self.model, self.fields = model, fields
        self.text, self.words = text.replace("\x00", "").strip(), search_words(text)
        self.is_cut, self.complete = False, True
        self.plain = self.indexed = NOTHING
        self.add(self.exact_match(self.text))
        self.add(*self.text_match(self.words))
        for relation, related_fields in self.relations().items():
            self.add_related(relation, related_fields)

    def add(self, plain, indexed=None):
        """Add a condition; `indexed` is the same for an index."""
        self.plain |= plain
        self.indexed |= plain if indexed is None else indexed

    def exact_match(self, text):
        """Return the condition that a column has exactly the value `text`."""
        match = NOTHING
        for path in self.fields:
            name = path.removesuffix("__exact")
            if name == path or "__" in name:
                continue
            field = self.model._meta.pk if name == "pk" else self.model._meta.get_field(name)
            value = field.search_value(text) if hasattr(field, "search_value") else text
            if value and is_value_of(field, value):
                # People type checksums and session IDs in capitals too.
                match |= Q(**{f"{name}__in": dict.fromkeys([value, value.lower()])})
        return match

    def text_match(self, words):
        """Return the condition that the row has every word, plain and for an index."""
        lookups = [lookup for lookup in map(text_lookup, self.fields) if lookup]
        if not lookups or not words:
            return NOTHING, NOTHING
        plain = Q()
        for word in words:
            held = Q()
            for lookup in lookups:
                held |= Q(**{lookup: word})
            plain &= held
        match = bigram_match(self.model, words)
        self.complete = self.complete and match is not None
        # The cheaper condition comes first, for where all rows are read.
        return plain, NOTHING if match is None else plain & Q(match)

    def relations(self):
        """Return {relation: the fields of its table}."""
        found = {}
        for path in self.fields:
            name, _separator, rest = path.partition("__")
            if rest and rest not in ("exact", "contains"):
                found.setdefault(name, []).append(rest)
        return found

    def add_related(self, relation, fields):
        """Find the rows of a relation, and add what belongs to them."""
        field = self.model._meta.get_field(relation)
        search = Search(field.related_model, fields, self.text)
        rows = field.related_model._default_manager.all()
        keys = first_keys(rows, search, RELATED + 1)
        self.is_cut |= len(keys) > RELATED or search.is_cut
        if keys:
            self.add(self.belongs_to(field, keys[:RELATED]))
        for number, word in enumerate(self.words if len(self.words) > 1 else []):
            named = search.exact_match(word)
            if named == NOTHING:
                continue
            keys = list(field.related_model._default_manager.filter(named).values_list("pk"))
            if keys:
                owned = self.belongs_to(field, [key for (key,) in keys])
                rest = self.words[:number] + self.words[number + 1 :]
                plain, indexed = self.text_match(rest)
                self.add(owned & plain, owned & indexed)

    def belongs_to(self, field, keys):
        """Return the condition that a row is related to one of some keys."""
        # Keys rather than subqueries, which would keep PostgreSQL from the indexes of the others.
        if field.one_to_many:
            rows = field.related_model._default_manager.filter(pk__in=keys)
            return Q(pk__in=set(rows.values_list(field.field.name, flat=True)))
        if not field.many_to_many:
            return Q(**{f"{field.name}__in": keys})
        links = field.remote_field.through._default_manager
        here, there = field.m2m_field_name(), field.m2m_reverse_field_name()
        return Q(pk__in=set(links.filter(**{f"{there}__in": keys}).values_list(here, flat=True)))

    def all_matches(self, queryset):
        """Return those rows of a queryset that are found."""
        return queryset.filter(self.indexed if self.complete else self.plain)


def describe_fields(model, paths):
    """Return what a search by `paths` looks at, as text for the reader."""
    names = dict.fromkeys(describe_field(model._meta, path.split("__")) for path in paths)
    return _("Searches: %(fields)s.") % {"fields": _(", ").join(map(str, names))}


def describe_field(opts, steps):
    """Return the name of the column to which the steps of a path lead."""
    field = opts.pk if steps[0] == "pk" else opts.get_field(steps[0])
    if field.one_to_many or field.many_to_many:
        return field.related_model._meta.verbose_name_plural
    if field.is_relation:
        return describe_field(field.related_model._meta, steps[1:])
    # Normalised text is called as the column that it comes from.
    return opts.get_field(getattr(field, "source", field.name)).verbose_name


def text_lookup(path):
    """Return the lookup of a text column for a path of `search_fields`; None for other paths."""
    name, _separator, lookup = path.partition("__")
    return {"": f"{name}__icontains", "contains": path}.get(lookup)
