"""The WSGI application the server runs."""

import os

from django.core.wsgi import get_wsgi_application

from camp.request_body import complete_bodies
from camp.statement_timeout import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")


def settled(application):
    """Return `application` once what a restore or a reset left half-way is settled.

    For servers that `manage.py up` did not start: it has done that before.
    """
    from camp import processes, replacing  # models can be imported from now on

    replacing.recover()
    processes.register()
    return application


limit_statements()
application = complete_bodies(settled(get_wsgi_application()))
