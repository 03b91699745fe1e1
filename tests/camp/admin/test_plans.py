"""No page of the admin reads a large table, whatever its list offers."""

from datetime import timedelta
from functools import partial
from urllib.parse import parse_qsl

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from camp.admin import model_admin, pagination, search
from tests.sqlite_steps import Steps

ROWS = 1500
# Tables that stay small everywhere; lists of them are read whole.
# Attempt counters are deleted when they have expired.
SMALL = {"auth_group", "auth_permission", "django_content_type", "camp_attempt_counters"}
# A row that is read and left out takes SQLite at least five steps.
MOST_STEPS = 5 * ROWS
MOST_ROWS = ROWS // 2
TERMS = ["word", "qqqq", "鯨飲", "~", "%", "\\", "e7@example.org", "a" * 64, "word text 42 é", "42"]


def fill(model):
    """Make rows of a model, with something in every column."""
    keys, rows = {}, 5 if model._meta.db_table in SMALL else ROWS

    def value(field, number):
        if field.related_model is model:
            return None
        if field.is_relation:
            if field not in keys:
                if not field.related_model.objects.exists():
                    fill(field.related_model)
                keys[field] = list(field.related_model.objects.values_list("pk", flat=True))
            return keys[field][number % len(keys[field])]
        if isinstance(field, models.DateTimeField):
            is_set = not field.null or number % 40 == 0
            # All on the same day: how many a filter by date finds must not depend on the date.
            return timezone.now() - timedelta(microseconds=number) if is_set else None
        if field.choices:
            return field.choices[number % len(field.choices)][0]
        if isinstance(field, models.BooleanField):
            return (number % 100 == 0) != field.get_default()
        if isinstance(field, models.EmailField):
            return f"e{number}@example.org"
        if isinstance(field, models.CharField | models.TextField):
            return f"text {number}{'' if number % 100 else ' é'}"[: field.max_length]
        return number if isinstance(field, models.IntegerField) else field.get_default()

    columns = [one for one in model._meta.concrete_fields if not isinstance(one, models.AutoField)]
    model.objects.bulk_create(
        [model(**{one.attname: value(one, number) for one in columns}) for number in range(rows)]
    )
    for relation in model._meta.many_to_many:
        through = relation.remote_field.through
        here = model.objects.values_list("pk", flat=True)
        if not relation.related_model.objects.exists():
            fill(relation.related_model)
        there = relation.related_model.objects.values_list("pk", flat=True)
        names = (f"{relation.m2m_field_name()}_id", f"{relation.m2m_reverse_field_name()}_id")
        pairs = zip(here, there, strict=False)
        through.objects.bulk_create(
            [through(**dict(zip(names, pair, strict=True))) for pair in pairs],
            ignore_conflicts=True,
        )


def costly_queries(show):
    """Yield (what is wrong, SQL) for the queries of a function that read a large table."""
    if connection.vendor == "sqlite":
        with Steps() as steps:
            show()
        yield from ((f"{count} steps", sql) for count, sql in steps.seen if count > MOST_STEPS)
        return
    with CaptureQueriesContext(connection) as captured:
        show()
    for query in captured:
        sql = query["sql"]
        if sql.startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
                [plan] = cursor.fetchone()[0]
            yield from ((wrong, sql) for wrong in costly_nodes(plan["Plan"]))


def costly_nodes(node):
    """Yield what is wrong with the scans of a plan of PostgreSQL."""
    table = node.get("Relation Name")
    if table and table not in SMALL:
        removed = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        read = sum(node.get(key, 0) for key in removed) * node["Actual Loops"]
        if node["Node Type"] == "Seq Scan" or read > MOST_ROWS:
            yield f"{node['Node Type']} of {read} rows of {table}"
    for child in node.get("Plans", []):
        yield from costly_nodes(child)


def pages(own, ask):
    """Yield the query strings of what a list offers."""
    changes = ask({})
    if changes.page.next_url:
        yield "after=" + changes.page.next_url.rpartition("after=")[2]
    sorts = [
        f"o={sign}{place}"
        for place, column in enumerate(changes.list_display)
        if column in changes.sortable_by
        for sign in ("", "-")
    ]
    yield from sorts
    filters = [
        choice["query_string"].removeprefix("?")
        for spec in changes.filter_specs
        for choice in spec.choices(changes)
    ]
    for one in own.list_filter:
        if isinstance(one, tuple):  # filters that links of other pages set
            field = get_fields_from_path(own.model, one[0])[-1]
            key = field.related_model.objects.values_list("pk", flat=True)[0]
            filters.append(f"{one[0]}__id__exact={key}")
    for one in filters:
        yield one
        yield from (f"{one}&{sort}" for sort in sorts[1:2])
    if changes.search_fields:
        yield from (f"q={term}".replace("%", "%25") for term in TERMS)
        yield from (f"q={TERMS[0]}&{one}" for one in filters[-1:])


def test_no_list_reads_a_large_table(rf, organiser, monkeypatch):
    for module, name, value in (
        (pagination, "NEARBY", 45),
        (search, "RELATED", 20),
        (model_admin, "COUNTED", 20),
    ):
        monkeypatch.setattr(module, name, value)
    registry = admin.site._registry
    for model in registry:
        if model.objects.count() < ROWS:
            fill(model)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT gin_clean_pending_list(oid) FROM pg_class"
                " WHERE relam = (SELECT oid FROM pg_am WHERE amname = 'gin')"
            )
            cursor.execute("ANALYZE")
            for way in ("seqscan", "hashjoin", "mergejoin"):  # as with many rows
                cursor.execute(f"SET LOCAL enable_{way} = off")
    found = []
    for model, own in registry.items():
        monkeypatch.setattr(own, "list_per_page", 10)

        def ask(params, own=own):
            request = rf.get("/", params)
            request.user = organiser
            changes = own.get_changelist_instance(request)
            list(changes.result_list)
            return changes

        request = rf.get("/")
        request.user = organiser
        asked = [
            (query, lambda query=query: ask(dict(parse_qsl(query)))) for query in pages(own, ask)
        ]
        asked += [
            (f"suggestions for {term}", partial(own.first_matches, request, term, 20))
            for term in ("", *TERMS)
        ]
        for name, show in asked:
            for wrong, sql in costly_queries(show):
                found.append(f"{model._meta.label} {name}: {wrong}\n  {sql[:2000]}")
    assert not found, f"{len(found)} of queries:\n" + "\n".join(found)
