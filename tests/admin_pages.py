"""What the tests of the admin share: helpers with some permissions, and queries of a page."""

from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.conftest import person


def browser(user):
    """Return a client in which `user` is logged in and reads English."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def helper(*codenames, name="helper"):
    """Make an organiser who is no administrator and has the permissions `app.codename`."""
    user = person(name, is_staff=True)
    for codename in codenames:
        app, _dot, word = codename.partition(".")
        found = Permission.objects.get(content_type__app_label=app, codename=word)
        user.user_permissions.add(found)
    return user


def changelist(model, query=""):
    """Return the address of a table's list; `model` is `app_model`."""
    return reverse(f"admin:{model}_changelist") + query


def page(model, what, pk):
    """Return the address of a row's page, `what` being change, delete or history."""
    return reverse(f"admin:{model}_{what}", args=[pk])


# What the form of a session has when it has no members.
NO_MEMBERS = {"members-TOTAL_FORMS": 0, "members-INITIAL_FORMS": 0}


def act(client, model, action, *rows, **fields):
    """Run an action on the rows, as the list's form does; returns the page behind it."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]} | fields
    return client.post(changelist(model), data, follow=True)


def names(response):
    """Return the keys of the rows that a list shows, in its order."""
    return [row.pk for row in response.context["cl"].result_list]


def queries(client, address):
    """Return the SQL of the queries that answer a GET."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured]


def counts(sql):
    """Return the queries that count the rows of a whole table."""
    return [one for one in sql if one.startswith("SELECT COUNT(")]


def told(response):
    """Return the messages of a page, as one text."""
    return " ".join(str(message) for message in response.context["messages"])
