"""Are accounts told apart by their names and e-mails?"""

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from accounts.keys import FIX, describe_collisions
from camp.web.findings import ok, warning

ID = "accounts.keys"


def look():
    """Yield each account that shares a name or an e-mail with an older one, or that none does."""
    lines = list(describe_collisions(get_user_model()))
    for line in lines:
        yield warning(ID, line.rstrip("."), _("The owner can log in with the exact spelling."), FIX)
    if not lines:
        yield ok(ID, _("No two accounts share a name or an e-mail"))
