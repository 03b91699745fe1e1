"""Who somebody is, by the name or e-mail and the password that they type."""

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend


class LoginBackend(ModelBackend):
    """Django's backend, for a user name or an e-mail in any case."""

    def authenticate(self, request, username=None, password=None, **kwargs):
        """Return the active user, or None; takes about as long for somebody unknown."""
        model = get_user_model()
        username = kwargs.get(model.USERNAME_FIELD) if username is None else username
        if username is None or password is None:
            return None
        user = find(username)
        if user is None:
            model().set_password(password)
        elif user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None


def find(login):
    """Return the user of a name or e-mail, or None.

    An old database may hold several that differ by case: then only the one that is
    spelt exactly so is meant.
    """
    found = list(get_user_model().objects.by_login(login)[:10])
    if len(found) > 1:
        found = [user for user in found if login.strip() in (user.username, user.email)]
    return found[0] if len(found) == 1 else None
