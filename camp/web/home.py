"""The home page: recent sessions and files, or a welcome page for anonymous visitors."""

from django.conf import settings
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def home(request):
    """Show recent sessions and files, or what Camp is.

    The lists come from template tags of the apps, because camp.web imports no app.
    """
    name = "home.html" if request.user.is_authenticated else "welcome.html"
    return render(request, name, {"signup_open": settings.SIGNUP_OPEN})
