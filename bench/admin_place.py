"""Fill one database for bench/admin.py, and measure its pages; questions come as JSON lines."""

import json
import logging
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

import django  # noqa: E402

django.setup()

from admin_fill import Rows  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import (  # noqa: E402
    CaptureQueriesContext,
    setup_test_environment,
    teardown_test_environment,
)
from django.urls import reverse  # noqa: E402
from django.utils.http import urlencode  # noqa: E402
from lists_fill import RARE  # noqa: E402
from lists_plans import plan_of  # noqa: E402

from camp.db.keyset import encode  # noqa: E402
from files.models import File  # noqa: E402
from sessions_app.models import Session  # noqa: E402

WARM = 1
NAME = "organiser"


def main():
    rows = int(sys.argv[1])
    logging.disable(logging.INFO)
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not File.objects.exists():
        Rows(rows).fill()
        get_user_model().objects.create_superuser(NAME, "organiser@example.org", "!")
    place = Pages()
    for line in sys.stdin:
        question, *words = json.loads(line)
        print(json.dumps(getattr(place, question)(*words)), flush=True)


class Pages:
    """The pages of the admin, and the organiser who requests them."""

    def __init__(self):
        self.client = Client()
        self.client.force_login(get_user_model().objects.get(username=NAME))
        setup_test_environment()  # so that responses have their context
        self.all = dict(self.listed())
        teardown_test_environment()
        settings.ALLOWED_HOSTS = ["testserver"]

    def listed(self):
        """Yield (name, address) of every page that the admin's registry offers."""
        for model, model_admin in admin.site._registry.items():
            name = str(model._meta.verbose_name_plural)
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            changes = self.client.get(address).context["cl"]
            yield name, address
            yield from self.far_down(name, address, changes)
            for place, column in enumerate(changes.list_display):
                if column in changes.sortable_by:
                    label = getattr(column, "__name__", column)
                    yield f"{name}: by {label}", f"{address}?o={place}"
                    yield f"{name}: by {label}, reversed", f"{address}?o=-{place}"
            for spec in changes.filter_specs:
                for choice in spec.choices(changes):
                    if not choice["selected"]:
                        label = f"{name}: {spec.title}: {choice['display']}"
                        yield label, address + choice["query_string"]
            for label, query in self.chosen(model_admin, changes):
                yield f"{name}: {label}", f"{address}{query}"
            if changes.search_fields:
                for label, text in self.searches().items():
                    yield f"{name}: search: {label}", f"{address}?{urlencode({'q': text})}"
            for field in model_admin.autocomplete_fields:
                for label, text in {"nothing": "", "a word": "img", "none": "qqqq"}.items():
                    query = {"app_label": model._meta.app_label, "term": text}
                    query |= {"model_name": model._meta.model_name, "field_name": field}
                    found = f"{reverse('admin:autocomplete')}?{urlencode(query)}"
                    yield f"{name}: suggestions for {field}: {label}", found
            if changes.result_list:
                yield (
                    f"{name}: the first row's page",
                    changes.url_for_result(changes.result_list[0]),
                )

    def far_down(self, name, address, changes):
        """Yield the page after two thirds of a list."""
        count = changes.filtered.count()
        if count > 100:
            row = changes.filtered[count * 2 // 3]
            token = encode([getattr(row, key.lstrip("-")) for key in changes.page.keys])
            yield f"{name}: far down", f"{address}?after={token}"

    def chosen(self, model_admin, changes):
        """Yield filters by one row of another table, which links of other pages set."""
        heavy, other = get_user_model().objects.order_by("pk").values_list("pk", flat=True)[:2]
        for field, label, key in (
            ("user", "of a user with a tenth", heavy),
            ("user", "of another user", other),
            ("session", "of a session", Session.objects.order_by("pk").first().pk),
        ):
            if any(field == one[0] for one in model_admin.list_filter if isinstance(one, tuple)):
                query = f"?{field}__id__exact={key}"
                yield label, query
                for place, column in enumerate(changes.list_display):
                    if column in changes.sortable_by:
                        name = getattr(column, "__name__", column)
                        yield f"{label}, by {name}", f"{query}&o={place}"

    def searches(self):
        """Return {label: text}."""
        file = File.objects.order_by("pk")[self.middle()]
        session = Session.objects.order_by("pk").first()
        return {
            "a common word": "img",
            "a rare word": RARE,
            "no row has it": "qqqq",
            "two characters": "合宿",
            "two characters of no row": "鯨飲",
            "one letter": "~",
            "`%`": "%",
            "a backslash": "\\",
            "an e-mail": "person7@example.org",
            "the host of all e-mails": "example.org",
            "a person and a word": "person7 img",
            "a SHA-256": file.sha256,
            "a storage path": file.storage_path,
            "an ID": str(file.pk),
            "a session's ID": session.session_id,
            "ten words": "img camp map svg 20 png jpg md pdf 合宿",
        }

    def middle(self):
        return File.objects.count() // 2

    def ready(self):
        """Return True once the database is filled."""
        return True

    def pages(self):
        """Return the names of all pages."""
        return list(self.all)

    def facts(self, name):
        """Return the number of queries of a page, after it was asked for a few times."""
        with CaptureQueriesContext(connection) as queries:
            self.fetch(name)
        count = len(queries)
        for _ in range(WARM):
            self.fetch(name)
        return count

    def time(self, name):
        """Return the processor time of one request, in milliseconds: Camp's and the database's."""
        begun = self.busy()
        self.fetch(name)
        return (self.busy() - begun) * 1000

    def busy(self):
        """Return the seconds that this process and that of the database have computed for."""
        seconds = time.process_time()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                backend = cursor.fetchone()[0]
            schedule = Path("/proc", str(backend), "schedstat").read_text(encoding="ascii")
            seconds += int(schedule.split()[0]) / 1e9
        return seconds

    def plans(self, name):
        """Return the time and plan of each query of a page."""
        with CaptureQueriesContext(connection) as queries:
            self.fetch(name)
        sql = [one for one in queries if one["sql"].startswith("SELECT")]
        return [{"time": one["time"]} | plan_of(one["sql"]) for one in sql]

    def fetch(self, name):
        """Request a page."""
        response = self.client.get(self.all[name])
        if response.status_code != 200:
            raise SystemExit(f"{name}: {response.status_code}")
        return response


if __name__ == "__main__":
    main()
