"""Log in and log out."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.utils.translation import gettext as _

from accounts.forms import LoginForm


class LoginView(auth_views.LoginView):
    """Log in with user name or e-mail; accounts.throttle counts failures."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_redirect_url(self):
        """Return the target after log-in, or ""; never this page."""
        address = super().get_redirect_url()
        return "" if urlsplit(address).path == self.request.path else address

    def get_context_data(self, **kwargs):
        return super().get_context_data(signup_open=settings.SIGNUP_OPEN, **kwargs)


class LogoutView(auth_views.LogoutView):
    """Log out, by POST only."""

    def post(self, request, *args, **kwargs):
        response = super().post(request, *args, **kwargs)
        messages.success(request, _("You are logged out."))
        return response
