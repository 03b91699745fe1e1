"""Stopping e-mails about news."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import news


@csrf_exempt  # the token is the permission: programs for e-mail post it by themselves (RFC 8058)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
def stop(request, token):
    """Ask, then stop a person's e-mails about news; programs that look at links stop nothing."""
    user = news.find_user(token)
    if user is None:
        raise Http404
    if request.method == "POST":
        news.stop(user)
    context = {"is_stopped": request.method == "POST" or not user.email_news}
    return render(request, "accounts/news_stop.html", context)
