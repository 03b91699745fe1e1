"""The authentication backend: user name or e-mail, and password."""

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend

from accounts import throttle


class LoginBackend(ModelBackend):
    """Django's backend, with a user name or an e-mail in any spelling."""

    def authenticate(self, request, username=None, password=None, **kwargs):
        """Return the active user, or None; takes equally long for unknown names."""
        model = get_user_model()
        username = kwargs.get(model.USERNAME_FIELD) if username is None else username
        if username is None or password is None:
            return None
        user = model.objects.find(username)
        with throttle.uncount_if_busy(getattr(request, "login_limits", ())):
            if user is None:
                model().set_password(password)
            elif user.check_password(password) and self.user_can_authenticate(user):
                return user
        return None
