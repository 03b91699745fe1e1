"""The WSGI application the server runs."""

import os

from django.core.wsgi import get_wsgi_application

from camp.db.statement_timeout import limit_statements
from camp.web.request_body import complete_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")


def settled(application):
    """Return `application` once what a restore or a reset left half-way is settled.

    For servers that `manage.py up` did not start: it has done that before.
    """
    from camp.operations.backup import swap  # models can be imported from now on
    from camp.operations.server import processes

    swap.recover()
    processes.register()
    return application


limit_statements()
application = complete_bodies(settled(get_wsgi_application()))
