"""Is there a recent backup, and did a restore or a reset leave a database behind?"""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.operations import backup
from camp.operations.backup import swap
from camp.web.findings import ok, warning

ID = "backup"
OLD = timedelta(days=7)


def look():
    """Yield how old the last backup is; where nothing is kept yet, none is needed."""
    last = backup.last_backup()
    if last is None:
        if get_user_model().objects.exists():
            yield warning(ID, _("There is no backup yet"), fix=shell.manage("backup"))
        else:
            yield ok(ID, _("There is nothing to back up yet"))
        return
    _path, made = last
    age = timezone.now() - made
    date = date_format(timezone.localtime(made), "SHORT_DATETIME_FORMAT")
    values = {"date": date, "days": age.days}
    if age > OLD:
        sentence = ngettext(
            "The last backup is %(days)s day old (%(date)s)",
            "The last backup is %(days)s days old (%(date)s)",
            age.days,
        )
        yield warning(ID, sentence % values, fix=shell.manage("backup"))
    else:
        yield ok(ID, _("The last backup is of %(date)s") % values)


def newest():
    """Return the path of the newest backup in the folder for them, or None."""
    last = backup.last_backup()
    return last and last[0]


def abandoned():
    """Yield the databases that a restore or a reset could not remove, or was killed with."""
    for name, fix in swap.list_leftovers():
        title = _("The database %(name)s is left over from a restore or a reset")
        detail = _("It is not used, and takes up space.")
        yield warning("abandoned", title % {"name": name}, detail, fix)
