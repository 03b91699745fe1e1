"""Links that stop e-mails about news, without a log-in."""

from django.contrib.auth import get_user_model
from django.core import signing
from django.urls import reverse

from camp.web.addresses import site_url

SALT = "camp.accounts.news"


def stop_url(user):
    """Return the absolute URL at which a user's e-mails about news can be stopped.

    It is valid for ever, as e-mails are kept, and good for nothing else.
    """
    return site_url() + reverse("accounts:news_stop", args=[signing.dumps(user.pk, salt=SALT)])


def find_user(token):
    """Return the user of a token of `stop_url`, or None."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return get_user_model().objects.filter(pk=pk).first()


def stop(user):
    """Send a user no more e-mails about news."""
    get_user_model().objects.filter(pk=user.pk).update(email_news=None)
