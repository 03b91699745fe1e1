"""Is there a recent backup, and was the last restore or reset finished?"""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.operations import backup
from camp.operations.backup import swap
from camp.operations.database import server
from camp.web.findings import error, ok, warning

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


def unsettled():
    """Yield whether a restore or a reset was cut short; it needs a database to be settled."""
    if swap.is_unsettled():
        title = _("A restore or a reset is under way, or was cut short")
        # Every command that works with the data settles it first; this one does nothing more.
        detail = _("The next command finishes it or takes it back.")
        yield error("replacing", title, detail, shell.manage("environment"))


def abandoned():
    """Yield the databases that a restore or a reset replaced and could not drop."""
    if swap.is_unsettled():
        return
    for name in swap.abandoned():
        title = _("The database %(name)s is left of a restore or a reset") % {"name": name}
        detail = _("Nothing uses it, and it takes up room.")
        yield warning("abandoned", title, detail, server.drop_statement(name))
