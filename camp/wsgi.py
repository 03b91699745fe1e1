"""The WSGI application the server runs."""

import os

from django.core.wsgi import get_wsgi_application

from camp.db.statement_timeout import limit_statements
from camp.web.request_body import complete_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")


def register_process():
    """Register this server, so that nothing replaces its data while it runs."""
    from camp.operations.server import processes  # models can be imported from now on

    processes.register()


limit_statements()
application = complete_bodies(get_wsgi_application())
register_process()
