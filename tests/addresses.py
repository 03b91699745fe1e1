"""Every address by name, what it needs, and what somebody without a log-in gets there."""

from django.urls import URLPattern, get_resolver

LOGIN = "log-in"  # sent to the log-in page, which leads back
SENT_ON = 302
REFUSED = 405
PAGE = 200
GONE = 404
NOT_TUS = 412

SESSION = {"session_id": "someone"}
FILE = {"pk": 1}
MESSAGE = SESSION | FILE
TOKEN = {"token": "wrong"}
VERSION = FILE | {"version": 1}
UPLOAD = {"pk": "00000000-0000-4000-8000-000000000000"}

# name: (arguments, answer to GET, answer to POST)
ADDRESSES = {
    "home": ({}, PAGE, REFUSED),
    "set_language": ({}, REFUSED, SENT_ON),
    "setup": ({"token": "wrong"}, GONE, GONE),
    "health_live": ({}, PAGE, REFUSED),
    "health_ready": ({}, PAGE, REFUSED),
    "accounts:login": ({}, PAGE, PAGE),
    "accounts:logout": ({}, REFUSED, SENT_ON),
    "accounts:current": ({}, PAGE, REFUSED),
    "accounts:signup": ({}, PAGE, PAGE),
    "accounts:profile": ({}, LOGIN, LOGIN),
    "accounts:password_change": ({}, LOGIN, LOGIN),
    "accounts:password_change_done": ({}, LOGIN, LOGIN),
    "accounts:password_reset": ({}, PAGE, PAGE),
    "accounts:password_reset_done": ({}, PAGE, REFUSED),
    "accounts:password_reset_confirm": ({"uidb64": "MQ", "token": "wrong"}, PAGE, PAGE),
    "accounts:password_reset_complete": ({}, PAGE, REFUSED),
    "accounts:news_stop": ({"token": "wrong"}, GONE, GONE),
    "accounts:delete": ({}, LOGIN, LOGIN),
    "sessions:list": ({}, LOGIN, REFUSED),
    "sessions:new": ({}, LOGIN, LOGIN),
    "sessions:detail": (SESSION, LOGIN, REFUSED),
    "sessions:rename": (SESSION, LOGIN, LOGIN),
    "sessions:delete": (SESSION, REFUSED, LOGIN),
    "sessions:restore": (SESSION, REFUSED, LOGIN),
    "sessions:announce": (SESSION, LOGIN, LOGIN),
    "sessions:withdraw": (SESSION, REFUSED, LOGIN),
    "sessions:changes": (SESSION, LOGIN, REFUSED),
    "sessions:message_create": (SESSION, REFUSED, LOGIN),
    "sessions:message": (MESSAGE, LOGIN, REFUSED),
    "sessions:message_edit": (MESSAGE, LOGIN, LOGIN),
    "sessions:message_delete": (MESSAGE, LOGIN, LOGIN),
    "sessions:message_restore": (MESSAGE, REFUSED, LOGIN),
    "sessions:members": (SESSION, LOGIN, LOGIN),
    "sessions:leave": (SESSION, LOGIN, LOGIN),
    "sessions:member_change": (MESSAGE, REFUSED, LOGIN),
    "sessions:member_remove": (MESSAGE, LOGIN, LOGIN),
    "sessions:member_hand_over": (MESSAGE, LOGIN, LOGIN),
    "sessions:export_markdown": (SESSION, LOGIN, REFUSED),
    "sessions:export_json": (SESSION, LOGIN, REFUSED),
    "files:list": ({}, LOGIN, REFUSED),
    "files:trash": ({}, LOGIN, REFUSED),
    "files:purge": ({}, LOGIN, LOGIN),
    "files:links": ({}, LOGIN, REFUSED),
    "files:link_new": ({}, LOGIN, LOGIN),
    "files:link_revoke": (FILE, REFUSED, LOGIN),
    "share": (TOKEN, GONE, GONE),
    "share_zip": (TOKEN, GONE, REFUSED),
    "share_download": (TOKEN | FILE, GONE, REFUSED),
    "share_thumbnail": (TOKEN | FILE, GONE, REFUSED),
    "files:selection": ({}, REFUSED, LOGIN),
    "files:undo": ({}, REFUSED, LOGIN),
    "files:zip": ({}, LOGIN, REFUSED),
    "files:upload": ({}, LOGIN, LOGIN),
    "files:unfinished": ({}, LOGIN, REFUSED),
    "files:upload_giveup": (UPLOAD, REFUSED, LOGIN),
    "files:attach": ({}, LOGIN, LOGIN),
    "files:detail": (FILE, LOGIN, REFUSED),
    "files:download": (FILE, LOGIN, REFUSED),
    "files:inline": (FILE, LOGIN, REFUSED),
    "files:thumbnail": (FILE, LOGIN, REFUSED),
    "files:rename": (FILE, REFUSED, LOGIN),
    "files:delete": (FILE, REFUSED, LOGIN),
    "files:restore": (FILE, REFUSED, LOGIN),
    "files:detach": (FILE, REFUSED, LOGIN),
    "files:replace": (FILE, LOGIN, LOGIN),
    "files:version_download": (VERSION, LOGIN, REFUSED),
    "files:version_restore": (VERSION, REFUSED, LOGIN),
    "files:version_delete": (VERSION, LOGIN, LOGIN),
    "uploads:uploads": ({}, NOT_TUS, NOT_TUS),
    "uploads:upload": (UPLOAD, NOT_TUS, NOT_TUS),
}


def names(resolver=None, namespace=""):
    """Return (name, argument names) of every named address, the admin's included."""
    found = []
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            if pattern.name:
                found.append((namespace + pattern.name, tuple(pattern.pattern.regex.groupindex)))
        else:
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            found += names(pattern, namespace + inner)
    return found
