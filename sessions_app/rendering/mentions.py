"""`@name` in messages: the people of the session whose user names follow the sign."""

import re
from functools import lru_cache

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q
from django.utils.html import escape
from django.utils.safestring import mark_safe

from accounts.identity import username_key
from sessions_app.models import Member
from sessions_app.rendering.markdown import render

# What may be one in rendered Markdown: the sign, and what follows it
MENTION = re.compile('<bdi class="mention">([@\uff20])([^<]*)</bdi>')
MAX_RUNS = 200  # different ones that are looked up for one page
# Scripts without spaces between words: a name may be followed by anything.
UNSPACED = re.compile("[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]")
CONTINUED = re.compile(r"[.+-]*\w")


def find_mentions(text, people):
    """Return those of `people`, users, whom the Markdown `text` mentions outside code, as a set."""
    names = by_key(people)
    found = (find_name(run, names) for _sign, run in MENTION.findall(render(text)))
    return {user for user, _end in filter(None, found)}


def find_people(session, htmls):
    """Return {key: user} of the people of a session whom some rendered messages mention.

    One query if there is an `@` before a word, else none.
    """
    runs = {run for html in htmls for _sign, run in MENTION.findall(html)}
    keys = {key for run in sorted(runs)[:MAX_RUNS] for _end, key in list_prefixes(run)}
    if not keys:
        return {}
    members = Member.objects.filter(session=session).filter(Q(user=OuterRef("pk")) | Q(user=None))
    people = get_user_model().objects.filter(username_key__in=keys)
    return by_key(people.filter(Q(pk=session.user_id) | Exists(members)))


def by_key(people):
    """Return users by the keys of their names."""
    return {username_key(user.username): user for user in people}


def mark_mentions(html, names, reader):
    """Return a rendered message with the mentions of users highlighted, `reader` most of all.

    `names` is {key: user}.
    """

    def mark(match):
        sign, run = match.groups()
        found = find_name(run, names)
        if not found:
            return sign + run
        user, end = found
        own = " mention--own" if reader is not None and user.pk == reader.pk else ""
        return f'<b class="mention{own}">{sign}{escape(run[:end])}</b>{escape(run[end:])}'

    return mark_safe(MENTION.sub(mark, html)) if names else html


def find_name(run, names):
    """Return (user, length) for the longest name at the start of what follows the sign, or None."""
    for end, key in list_prefixes(run):
        if key in names:
            return names[key], end
    return None


@lru_cache(maxsize=1000)
def list_prefixes(run):
    """Return (length, key) of what may be a name at the start of `run`, the longest first.

    "@annabel" does not mention "ann", and "@ann.lee" does not; "@山田さん" does mention "山田".
    """
    ends = [end for end in range(len(run), 0, -1) if not is_continued(run, end)]
    return [(end, username_key(run[:end])) for end in ends]


def is_continued(run, end):
    """Return whether the word before `end` goes on behind it."""
    following = CONTINUED.match(run, end)
    if not following or UNSPACED.match(run, end - 1):
        return False
    return not UNSPACED.match(following[0][-1])
