"""Sign-up, and the first administrator's account."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import setup_token
from accounts.forms import SignUpForm
from accounts.lifecycle import AlreadySetUpError, create_first_administrator, has_administrator

BACKEND = "accounts.backends.LoginBackend"


@login_not_required
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def signup(request):
    """Create an account and log in to it, if sign-up is open."""
    if request.user.is_authenticated:
        return redirect("home")
    if not settings.SIGNUP_OPEN:
        return render(request, "accounts/signup_closed.html", status=403)
    form = SignUpForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and (user := form.save_unless_taken()):
        login(request, user, backend=BACKEND)
        messages.success(request, _("Welcome! Your account is ready."))
        return redirect("home")
    return render(request, "accounts/signup.html", {"form": form})


@login_not_required
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request, token):
    """Create the first administrator, for someone who can read the server's terminal.

    The address works until it is used, and only while there is no administrator.
    """
    if not setup_token.matches(token) or has_administrator():
        raise Http404
    form = SignUpForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        user = form.save(commit=False)
        try:
            create_first_administrator(user, token)
        except AlreadySetUpError:
            raise Http404 from None
        login(request, user, backend=BACKEND)
        messages.success(request, _("Camp is ready, and you are its administrator."))
        return redirect("home")
    return render(request, "accounts/setup.html", {"form": form})
