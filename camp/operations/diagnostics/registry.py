"""The topics, and looking into all of them within a time; check-ups, which take theirs.

A database, a name server or a network folder that hangs would hold whoever asks for ever,
so topics are looked into by threads of their own; one whose time is over is told as that.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, connection
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from camp.db.errors import error_reason
from camp.web.findings import ERROR, WARNING, Finding

logger = logging.getLogger("camp.diagnostics")

PATIENCE = 8.0  # seconds for everything together
# Those that need the database follow this one, and only where it finds no fault.
DATABASE = "database"


def at_least_one(text):
    """Return the number that somebody typed; raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


# Of `manage.py doctor --files`
OPTIONS = (
    (
        "--fix",
        {"action": "store_true", "help": "correct rows and remove leftovers; no file goes by it"},
    ),
    (
        "--sample",
        {
            "type": at_least_one,
            "metavar": "N",
            "help": "read the bytes of N files only, chosen at random",
        },
    ),
)


@dataclass(frozen=True)
class Topic:
    """A part of the place: the function `look`, or the one of that path, yields its Findings.

    `needs_database` has it wait for a database that is in order; `thorough` leaves it to
    `doctor`, since it is slow.
    """

    name: str
    look: Callable | str
    needs_database: bool = False
    thorough: bool = False


@dataclass(frozen=True)
class CheckUp:
    """A thorough look that takes its time, and is made only where somebody asks for it.

    The function `look`, or the one of that path, yields its Findings. It is given
    `progress(total, label)`, which returns a context manager with `add(amount)`, and the
    values of `options`: pairs of a flag and what argparse is told of it. These may change
    things.
    """

    name: str
    look: Callable | str
    help: str
    options: tuple = ()


_topics: dict[str, Topic] = {}
_check_ups: dict[str, CheckUp] = {}


def register(name, look, **options):
    """Make a topic known; they are told in the order in which they were registered."""
    _topics[name] = Topic(name, look, **options)


def register_check_up(name, look, **options):
    """Make a check-up known."""
    _check_ups[name] = CheckUp(name, look, **options)


def check_ups():
    """Return all check-ups."""
    return list(_check_ups.values())


def gather(*, patience=PATIENCE, thorough=True):
    """Return the Findings of all topics; without `thorough` those that are quick to have."""
    return _gather([each for each in _topics.values() if thorough or not each.thorough], patience)


def check_up(name, **given):
    """Yield the Findings of a check-up, or only the faults of a database that is not in order."""
    found = _gather([topic for topic in _topics.values() if topic.name == DATABASE], PATIENCE)
    faults = [finding for finding in found if finding.level == ERROR]
    look = _function(_check_ups[name].look)
    yield from faults or _findings(name, lambda: look(**given), ERROR)


def _gather(topics, patience):
    together = [topic for topic in topics if topic.name == DATABASE]
    together += [topic for topic in topics if topic.needs_database]
    alone = [[topic] for topic in topics if topic not in together]
    looks = [_Look(each) for each in (together, *alone) if each]
    end = time.monotonic() + patience
    for look in looks:
        look.load()
    for look in looks:
        look.start()
    for look in looks:
        look.join(max(0, end - time.monotonic()))
    found = {topic.name: look.result(topic) for look in looks for topic in look.topics}
    return [finding for topic in topics for finding in found[topic.name]]


class _Look(threading.Thread):
    """Looks into topics, one after the other."""

    def __init__(self, topics):
        super().__init__(name=f"findings-{topics[0].name}", daemon=True)
        self.topics = topics
        self._language = translation.get_language()
        self._found: dict[str, list[Finding]] = {}
        self._functions: dict[str, Callable] = {}
        self._begun = ""

    def load(self):
        """Import what is needed, one after the other: modules may import each other."""
        for topic in self.topics:
            self._functions[topic.name] = _function(topic.look)

    def run(self):
        """Look into each topic; a fault in one leaves the others."""
        with translation.override(self._language):
            try:
                for topic in self.topics:
                    if topic.needs_database and not self._is_in_order():
                        self._found[topic.name] = []
                        continue
                    self._begun = topic.name
                    look, level = self._functions[topic.name], _level(topic)
                    self._found[topic.name] = list(_findings(topic.name, look, level))
            finally:
                connection.close()

    def result(self, topic):
        """Return the Findings of a topic; that it is not done is one too."""
        if topic.name in self._found:
            return self._found[topic.name]
        if self._begun and topic.name != self._begun:
            return []  # the one before it hangs, and is told
        sentence = _("Looking into “%(topic)s” takes too long: nothing is known of it")
        return [Finding(topic.name, _level(topic), sentence % {"topic": topic.name})]

    def _is_in_order(self):
        return not any(finding.level == ERROR for finding in self._found.get(DATABASE, ()))


def _function(look):
    return import_string(look) if isinstance(look, str) else look


def _level(topic):
    """Return what it means that a topic cannot be looked into."""
    return ERROR if topic.name == DATABASE else WARNING


def _findings(name, look, level):
    """Yield what `look` finds; that it fails is a Finding of that level."""
    try:
        yield from look()
    except Exception as error:
        if isinstance(error, DatabaseError):
            why = error_reason(error)
        else:
            why = str(error)
            logger.warning("Could not look into %s.", name, exc_info=True)
        sentence = _("“%(topic)s” could not be looked into (%(why)s)")
        values = {"topic": name, "why": why or type(error).__name__}
        yield Finding(name, level, sentence % values)


def register_own():
    """Register the topics of Camp itself; called once, when the app is ready."""
    register("versions", "camp.operations.diagnostics.versions.look")
    register(
        "postgresql",
        "camp.operations.diagnostics.versions.programs",
        needs_database=True,
        thorough=True,
    )
    register(DATABASE, "camp.operations.diagnostics.database.look")
    register(
        "schema", "camp.operations.diagnostics.schema.look", needs_database=True, thorough=True
    )
    register("cache", "camp.operations.diagnostics.cache.look")
    register("storage", "camp.operations.diagnostics.storage.look")
    register("safety", "camp.operations.diagnostics.safety.look")
    register("clock", "camp.operations.diagnostics.clock.look")
    register("backup", "camp.operations.diagnostics.backups.look", needs_database=True)
    register(
        "abandoned",
        "camp.operations.diagnostics.backups.abandoned",
        needs_database=True,
        thorough=True,
    )
    register("accounts", "camp.operations.diagnostics.accounts.look", needs_database=True)
    register("files", "camp.operations.diagnostics.files.look", needs_database=True)
    register_check_up(
        "files",
        "camp.operations.diagnostics.file_check.look",
        help="look at all files and all their bytes instead; changes nothing without --fix",
        options=OPTIONS,
    )
