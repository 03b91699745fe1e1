"""Many people who are logged in and members of one session, made by one command."""

import json

MAKE = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import User
from sessions_app.models import Member, Message, Session
people = [
    User.objects.create(username=f"member{{n}}", email=f"member{{n}}@example.org", password="!")
    for n in range({count})
]
session = Session.objects.create(user=people[0], title="Evening talk")
Member.objects.bulk_create(
    Member(session=session, user=person, may_write=True) for person in people[1:]
)
Message.objects.bulk_create(
    Message(session=session, author=people[0], content=f"Message {{n}}") for n in range({messages})
)
keys = []
for person in people:
    store = SessionStore()
    store[SESSION_KEY] = str(person.pk)
    store[BACKEND_SESSION_KEY] = "accounts.backends.LoginBackend"
    store[HASH_SESSION_KEY] = person.get_session_auth_hash()
    store.create()
    keys.append(store.session_key)
print(json.dumps({{"path": session.get_absolute_url(), "keys": keys}}))
"""


def make(run, *, count, messages=0):
    """Make `count` members; returns the `path` of the session and the `keys` of their log-ins.

    `run` runs manage.py with arguments and returns its output.
    """
    output = run("shell", "-v", "0", "-c", MAKE.format(count=count, messages=messages))
    return json.loads(output.strip().splitlines()[-1])
