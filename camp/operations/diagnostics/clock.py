"""Is the time right? Log-ins, links and backups go by it."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from camp.operations.database import server
from camp.web.findings import error, ok, warning

ID = "clock"
RELEASED = datetime(2026, 11, 24, tzinfo=UTC)  # of this Camp; it cannot be earlier
FAR = timedelta(seconds=10)  # apart from the database's clock
AHEAD = timedelta(minutes=5)  # a file of the future


def look():
    """Can it be as late as this machine says?"""
    now = timezone.now()
    if now < RELEASED - timedelta(days=1):
        title = _("The clock is slow: it says %(now)s, and this Camp is younger")
        yield error(ID, title % {"now": f"{now:%Y-%m-%d}"}, fix=set_command())
    elif future := newest_file(now + AHEAD):
        title = _("The clock may have been set back: %(file)s is of the future")
        yield warning(ID, title % {"file": future}, fix=set_command())
    else:
        local = timezone.localtime(now)
        values = {"now": f"{local:%Y-%m-%d %H:%M}", "zone": timezone.get_current_timezone_name()}
        yield ok(ID, _("The clock says %(now)s (%(zone)s)") % values)


def offset():
    """Does PostgreSQL's clock say the same as ours?"""
    if not server.is_postgresql():
        return
    with connection.cursor() as cursor:
        before = timezone.now()
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
        after = timezone.now()
    # The answer is from some moment in between.
    apart = max(before - there, there - after, timedelta(0))
    seconds = f"{apart.total_seconds():.1f}"
    if apart > FAR:
        title = _("The clocks of this machine and of PostgreSQL are %(seconds)s s apart")
        yield warning("clock.database", title % {"seconds": seconds}, fix=set_command())
    else:
        title = _("The clocks of this machine and of PostgreSQL agree")
        yield ok("clock.database", title)


def newest_file(limit):
    """Return a file right in the data folder that was changed after `limit`, or None."""
    try:
        with os.scandir(settings.CAMP_DATA_DIR) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime > limit.timestamp():
                    return Path(entry.path)
    except OSError:
        pass
    return None


def set_command():
    """Return the command that sets the clock by the network."""
    if os.name == "nt":
        return "w32tm /resync"
    if sys.platform == "darwin":
        return "sudo sntp -sS time.apple.com"
    return "sudo timedatectl set-ntp true"
