"""The first page: recent things for who is logged in, a welcome for strangers."""

from django.conf import settings
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def home(request):
    """Show what somebody kept last, or say what Camp is.

    The lists come from template tags of the apps, as camp/ imports none of them.
    """
    name = "home.html" if request.user.is_authenticated else "welcome.html"
    return render(request, name, {"signup_open": settings.SIGNUP_OPEN})
