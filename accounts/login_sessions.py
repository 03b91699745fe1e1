"""Log-in sessions in the database, read together with their user in one query.

Which user a session belongs to is in its signed data, so no query can join the two. Each process
remembers the users of recent sessions instead and reads the row of that user along with the
session. What it remembers is only a guess: all that decides is read at each request.
"""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends import db
from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User
from camp.db.compiled_query import compile_query

MAX_REMEMBERED = 10_000
# Its users are those of the table who are active.
BACKEND = "accounts.backends.LoginBackend"

_user_ids: dict[str, int] = {}  # {session key: user}


class SessionStore(db.SessionStore):
    """Django's, which also reads the user if it can guess who it is.

    `user` is whom the session was read with, else None; see `verified_user`. The class keeps its
    name: Django signs the data with it.
    """

    user = None

    def load(self):
        """Return the data of the session; {} if it has ended."""
        if (user_id := _user_ids.get(self.session_key)) is not None:
            now = str(connection.ops.adapt_datetimefield_value(timezone.now()))
            for user in read_with_user(user_id, self.session_key, now):
                if (session_data := vars(user).pop("session_data")) is not None:
                    data = self.decode(session_data)
                    if data.get(SESSION_KEY) == str(user.pk):
                        self.user = user
                    return data
        data = super().load()
        self.remember(data)
        return data

    def save(self, must_create=False):
        """Save the session."""
        super().save(must_create)
        self.remember(self._session)

    def remember(self, data):
        """Remember whose session it is, if anybody's."""
        if SESSION_KEY in data:
            if len(_user_ids) >= MAX_REMEMBERED:
                _user_ids.clear()
            _user_ids[self.session_key] = User._meta.pk.to_python(data[SESSION_KEY])


@compile_query
def read_with_user(user_id, session_key, now):
    """Return the user with `session_data`, None if the session has ended."""
    session = "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s"
    data = RawSQL(session, (session_key, now))  # noqa: S611
    return User.objects.filter(pk=user_id).annotate(session_data=data)


def verified_user(session):
    """Return the user that a SessionStore was read with, if the log-in holds, else None.

    None says nothing: `django.contrib.auth.get_user` then decides, with its own query.
    """
    log_in = session.get(HASH_SESSION_KEY, "")  # reads the session
    user = session.user
    if user is None or not user.is_active:
        return None
    backend = session.get(BACKEND_SESSION_KEY)
    if backend != BACKEND or backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    return user if constant_time_compare(log_in, user.get_session_auth_hash()) else None
