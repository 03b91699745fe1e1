"""The logged-in user, for scripts of pages that are already open."""

from django.http import JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def current(request):
    """Return as JSON the `account` and `name` of the logged-in user ("" for nobody), and a `token`.

    The CSRF token belongs to that log-in: the next log-in rotates it. See
    https://docs.djangoproject.com/en/5.2/howto/csrf/#using-csrf-protection-with-ajax
    """
    user = request.user
    known = user.is_authenticated
    return JsonResponse(
        {
            "account": str(user.pk) if known else "",
            "name": user.get_username() if known else "",
            "token": get_token(request),
        }
    )
