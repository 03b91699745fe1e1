"""Is there a recent backup, and did a restore or a reset leave a database behind?"""

from collections.abc import Iterator
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.operations import backup
from camp.operations.backup import swap
from camp.web.findings import Finding, ok, warning

ID = "backup"
MAX_AGE = timedelta(days=7)


def check_last_backup() -> Iterator[Finding]:
    """Yield the age of the last backup. A new instance needs none."""
    last = backup.last_backup()
    if last is None:
        if get_user_model().objects.exists():
            yield warning(ID, _("There is no backup yet"), fix=shell.manage("backup"))
        else:
            yield ok(ID, _("There is nothing to back up yet"))
        return
    _path, created = last
    age = timezone.now() - created
    date = date_format(timezone.localtime(created), "SHORT_DATETIME_FORMAT")
    values = {"date": date, "days": age.days}
    if age > MAX_AGE:
        title = ngettext(
            "The last backup is %(days)s day old (%(date)s)",
            "The last backup is %(days)s days old (%(date)s)",
            age.days,
        )
        yield warning(ID, title % values, fix=shell.manage("backup"))
    else:
        yield ok(ID, _("The last backup is from %(date)s") % values)


def restore_command(*options: str) -> str:
    """Return the command that restores the newest backup; "" if there is none."""
    last = backup.last_backup()
    return shell.manage("restore", shell.quote(last[0]), *options) if last else ""


def check_leftover_databases() -> Iterator[Finding]:
    """Yield the databases that a restore or a reset could not remove, or was killed with."""
    for name, fix in swap.list_leftovers():
        title = _("The database %(name)s is left over from a restore or a reset")
        detail = _("It is not used, and takes up space.")
        yield warning("abandoned", title % {"name": name}, detail, fix)
