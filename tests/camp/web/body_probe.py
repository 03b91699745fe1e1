"""A WSGI application that tells what Django makes of a request's body."""

import os
import sys
import threading

import django
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.core.handlers.wsgi import WSGIRequest

from camp.web import request_body
from camp.web.request_body import complete_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")
django.setup()
request_body.GRACE = 1.0


def outcome(request):
    """Return what came: the size of the file, of the raw body, or the name of the error."""
    try:
        if request.path == "/threads":
            return f"threads {sum(each.name == 'body' for each in threading.enumerate())}"
        if request.path == "/form":
            request.upload_handlers = [TemporaryFileUploadHandler(request)]
            return f"file {request.FILES['file'].size}"
        if request.path == "/lines":
            return f"lines {list(request)}"
        return f"body {len(request.body)}"
    except Exception as error:
        return type(error).__name__


def tell(environ, start_response):
    """Answer with the outcome, and print it for when nobody is there to read it."""
    text = outcome(WSGIRequest(environ))
    sys.stderr.write(f"outcome: {text}\n")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


application = complete_bodies(tell)
