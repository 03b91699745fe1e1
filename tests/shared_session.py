"""Many people who are logged in and members of one session, made by one command."""

import json
import secrets

MAKE = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import User
from sessions_app.models import Member, Message, Session
people = [
    User.objects.create(username=f"{name}{{n}}", email=f"{name}{{n}}@example.org", password="!")
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
    """Make `count` members; returns `path` of the session and the `names` and `keys` of log-ins.

    `run` runs manage.py with arguments and returns its output.
    """
    name = f"member{secrets.token_hex(4)}-"
    code = MAKE.format(name=name, count=count, messages=messages)
    made = json.loads(run("shell", "-v", "0", "-c", code).strip().splitlines()[-1])
    return made | {"names": [f"{name}{number}" for number in range(count)]}
