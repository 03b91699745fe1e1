"""E-mail about what is new in the sessions of people who want that; see `manage.py notify`.

A person is told of a message at most once: `User.notified_up_to` moves on before the e-mail is
sent, in one statement that only one process can win, and back if the mail server fails. A crash
between the two loses one e-mail; the messages themselves stay unread in Camp.
"""

import contextlib
import logging
import smtplib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection
from django.db.models import Exists, OuterRef, Q
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import news as email_news
from accounts.time_zones import get_zone
from camp.db.search_text import normalize_for_search
from camp.web.addresses import site_url
from sessions_app import unread
from sessions_app.models import Member, Message, Session
from sessions_app.rendering.mentions import find_mentions

logger = logging.getLogger(__name__)

BATCH = 200  # people in memory
SETTLE = timedelta(minutes=1)  # until the transactions of messages have ended
QUIET = timedelta(minutes=5)  # after the last message, so that one e-mail tells of several
LONGEST_WAIT = timedelta(minutes=30)  # for that
MORNING = 7  # o'clock, of the daily e-mail
OVERDUE = timedelta(days=2)
MOST_SESSIONS = 20  # in an e-mail
MOST_MESSAGES = 500  # that are looked at for an e-mail
MOST_NAMES = 5  # of authors of a session
MOST_FAILURES = 3  # one after the other, until the mail server counts as down
ABOUT_ONE_EMAIL = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)


class MailServerDown(Exception):
    """The mail server failed several times; what is left waits for the next run."""


@dataclass
class SessionNews:
    """What is new in a session for somebody."""

    session: Session
    count: int = 0
    authors: Counter = field(default_factory=Counter)
    is_mentioned: bool = False
    oldest: datetime | None = None
    newest: datetime | None = None

    def add(self, author, moment):
        """Count a message of `author`, a name or None; they come in the order of their times."""
        self.count += 1
        self.authors[author] += 1
        self.oldest, self.newest = self.oldest or moment, moment

    @property
    def url(self):
        """The absolute URL of the session's page."""
        return site_url() + self.session.get_absolute_url()

    @property
    def names(self):
        """The names of the authors, the most active first, as text."""
        names = [name for name, _count in self.authors.most_common() if name]
        shown = ", ".join(names[:MOST_NAMES])
        return f"{shown}, …" if len(names) > MOST_NAMES else shown

    def describe(self):
        """Return the number of messages as text."""
        count = f"{MOST_MESSAGES}+" if self.count >= MOST_MESSAGES else self.count
        text = ngettext("%(count)s new message", "%(count)s new messages", self.count)
        return text % {"count": count}


def notify(now=None):
    """Send the e-mails that are due; returns how many. Raises MailServerDown.

    Several runs at once do no harm.
    """
    now = now or timezone.now()
    until, sent, failures = now - SETTLE, 0, 0
    people = get_user_model().objects.filter(is_active=True, deletion_started_at=None)
    people = people.exclude(email="")
    people.filter(email_news__isnull=False, notified_up_to=None).update(notified_up_to=until)
    due = people.filter(is_due(now))
    # Who has nothing new is done for today.
    due.filter(email_news=get_user_model().EmailNews.DAILY).exclude(has_changes()).update(
        notified_up_to=until
    )
    with contextlib.closing(get_connection()) as connection:
        for user in in_batches(due.filter(has_changes())):
            found = list_news(user, until)
            if is_waiting(user, found, now) or not claim(user, until) or not found:
                continue
            try:
                connection.open()
                compose(user, found, connection).send()
            except Exception as error:
                # The text of an error may hold the address.
                logger.error("News for user %s were not sent: %s", user.pk, type(error).__name__)
                if not is_final(error):
                    release(user, until)
                with contextlib.suppress(Exception):
                    connection.close()
                failures += isinstance(error, OSError) and not isinstance(error, ABOUT_ONE_EMAIL)
                if failures >= MOST_FAILURES:
                    raise MailServerDown from error
            else:
                sent, failures = sent + 1, 0
    return sent


def is_final(error):
    """Return whether an e-mail that failed with this error would fail again.

    Servers say so by a status of 500 or more (RFC 5321, section 4.2.1).
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(status >= 500 for status, _text in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code >= 500
    return not isinstance(error, OSError)


def is_due(now):
    """Return the Q for people who want e-mail at once, or had none since their last morning."""
    kinds = get_user_model().EmailNews
    found = Q(email_news=kinds.AT_ONCE)
    daily = get_user_model().objects.filter(email_news=kinds.DAILY)
    for zone in daily.order_by().values_list("time_zone", flat=True).distinct():
        before = {"notified_up_to__lt": last_morning(zone, now)}
        found |= Q(email_news=kinds.DAILY, time_zone=zone, **before)
    return found


def last_morning(zone_name, now):
    """Return when it was last MORNING in a time zone."""
    local = timezone.localtime(now, get_zone(zone_name) or timezone.get_default_timezone())
    morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return morning if morning <= local else morning - timedelta(days=1)


def has_changes(before=None):
    """Return the condition for people with a session that changed since they were told.

    With `before` (a time) only until then.
    """
    times = {"updated_at__gt": OuterRef("notified_up_to")}
    if before:
        times["updated_at__lt"] = before
    own = Session.objects.filter(user=OuterRef("pk"), **times)
    seen = Q(user=OuterRef("pk")) | Q(user=None)
    times = {f"session__{name}": value for name, value in times.items()}
    return Exists(own) | Exists(Member.objects.filter(seen, **times))


def is_overdue():
    """Return whether somebody waits for news for so long that no timer can be running."""
    before = timezone.now() - OVERDUE
    waiting = get_user_model().objects.filter(email_news__isnull=False, is_active=True)
    return waiting.filter(has_changes(before)).exists()


def in_batches(people):
    """Yield people in the order of their IDs, a few in memory at a time."""
    last = 0
    while batch := list(people.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield from batch
        last = batch[-1].pk


def list_news(user, until):
    """Return SessionNews of the messages that are unread, and not told to the user yet.

    Those up to `until`. At most four queries.
    """
    found = {}
    for sessions in (Session.objects.owned_by(user), Session.objects.shared_with(user)):
        changed = sessions.filter(updated_at__gt=user.notified_up_to)
        changed = changed.annotate(read_up_to=unread.read_up_to(user))
        for session in changed.order_by("-updated_at", "-id")[:MOST_SESSIONS]:
            if session.read_up_to is not None:
                found[session.pk] = SessionNews(session)
    if not found:
        return []
    newer = Q()
    for each in found.values():
        since = max(each.session.read_up_to, user.notified_up_to)
        newer |= Q(session=each.session, created_at__gt=since)
    messages = Message.objects.present().filter(newer, created_at__lte=until).exclude(author=user)
    messages = messages.order_by("created_at", "id")
    rows = messages.values_list("session", "author__username", "created_at")
    for pk, author, moment in rows[:MOST_MESSAGES]:
        found[pk].add(author, moment)
    name = f"@{normalize_for_search(user.username)}"
    naming = messages.filter(search_text__contains=name)
    for pk, text in naming.values_list("session", "content")[:MOST_SESSIONS]:
        found[pk].is_mentioned = found[pk].is_mentioned or bool(find_mentions(text, [user]))
    return [each for each in found.values() if each.count]


def is_waiting(user, found, now):
    """Return whether more messages may come before the e-mail is sent."""
    if not found or user.email_news == user.EmailNews.DAILY:
        return False
    newest, oldest = max(each.newest for each in found), min(each.oldest for each in found)
    return newest > now - QUIET and oldest > now - LONGEST_WAIT


def claim(user, until):
    """Note that the user is told of everything up to a time; False if another process did."""
    return move_on(user, user.notified_up_to, until)


def release(user, until):
    """Take the note of `claim` back."""
    move_on(user, until, user.notified_up_to)


def move_on(user, old, new):
    """Change `notified_up_to` from one time to another; returns whether it was the old one."""
    same = get_user_model().objects.filter(pk=user.pk, email_news=user.email_news)
    return bool(same.filter(notified_up_to=old).update(notified_up_to=new))


def compose(user, found, connection):
    """Return the e-mail about `found` in the language of the user."""
    # Sessions in which the user is mentioned first.
    found = sorted(found, key=lambda each: not each.is_mentioned)
    stop_url = email_news.stop_url(user)
    context = {"user": user, "found": found, "stop_url": stop_url, "site_url": site_url()}
    with translation.override(user.language or settings.LANGUAGE_CODE):
        subject, body = subject_of(found), render_to_string("sessions_app/email/news.txt", context)
    headers = {
        "List-Unsubscribe": f"<{stop_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # RFC 8058
        "Auto-Submitted": "auto-generated",  # RFC 3834
    }
    return EmailMessage(subject, body, to=[user.email], headers=headers, connection=connection)


def subject_of(found):
    """Return the subject of an e-mail as one line."""
    title = " ".join(str(found[0].session).split())
    if found[0].is_mentioned:
        return _("You are mentioned in “%(title)s”") % {"title": title}
    if len(found) == 1:
        return f"{title}: {found[0].describe()}"
    text = ngettext("News in %(count)d session", "News in %(count)d sessions", len(found))
    return text % {"count": len(found)}
