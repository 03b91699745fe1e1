"""Camp's addresses, and some where something goes wrong."""

import logging

from django.contrib.auth.decorators import login_not_required, login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import InterfaceError, OperationalError, connection
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.urls import path

from camp import urls
from camp.urls import handler400, handler403, handler404, handler500  # noqa: F401

ERRORS = {
    "forbidden": PermissionDenied("not for you"),
    "missing": Http404("secret-name.txt"),
    "bad": BadRequest("nonsense"),
    "broken": ZeroDivisionError("bob@example.org used password=hunter2"),
    "database-away": OperationalError("connection refused"),
    "connection-lost": InterfaceError("connection already closed"),
}


def fail(request, how, token=""):
    """Raise one of ERRORS."""
    raise ERRORS[how]


def missing_table(request):
    """Ask for a table that is not there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")


def endless_query(request):
    """Keep the database busy until somebody stops it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) "
            "SELECT count(*) FROM numbers WHERE n < 0"
        )


@login_not_required
def form(request):
    """Read the form, as most views do."""
    return HttpResponse(f"{sorted(request.POST.items())} {sorted(request.FILES)}")


def stream(request):
    """Answer with a body that is made while it is sent."""
    return StreamingHttpResponse([b"one", b"two"])


def download(request):
    """Answer with a file, whose length is known."""
    with open(__file__, "rb") as file:
        return FileResponse([file.read(100)], headers={"Content-Length": "100"})


def talk(request):
    """Log a line from somewhere in the code."""
    logging.getLogger("tests.talk").info("Something happened.")
    return HttpResponse("x" * 10)


@login_required
def private(request):
    """Show a page to whoever is logged in."""
    return HttpResponse("private")


urlpatterns = [
    path("fail/<how>/", fail),
    path("fail/<how>/<token>/", fail),
    path("missing-table/", missing_table),
    path("endless-query/", endless_query),
    path("form/", form),
    path("stream/", stream),
    path("download/", download),
    path("talk/", talk),
    path("private/", private),
    *urls.urlpatterns,
]
