"""Run the topics of `doctor` and of the admin's front page within a time limit.

Each topic runs in a thread, because a database, a name server or a network folder that hangs
would otherwise block the caller for ever. A topic that misses the limit becomes a finding.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection
from django.utils import translation
from django.utils.translation import gettext as _

from camp.db.errors import error_reason
from camp.operations.diagnostics import (
    backups,
    cache,
    database,
    file_check,
    files,
    safety,
    storage,
    versions,
)
from camp.web.findings import ERROR, OK, WARNING, Finding
from camp.web.shared_results import Computation

logger = logging.getLogger("camp.diagnostics")

TIME_LIMIT = 8.0  # seconds for all topics together
PAGE_TIME_LIMIT = 3.0  # seconds, for the admin's front page
PAGE_CACHE_SECONDS = 120  # a problem that was fixed may be shown this long
PAGE_PERMISSION = "camp.view_instance"
DATABASE = "database"


@dataclass(frozen=True)
class Topic:
    """A function that yields Findings.

    `needs_database` skips it if the topic "database" found an error. `slow` leaves it to
    `doctor`.
    """

    name: str
    check: Callable[[], Iterable[Finding]]
    needs_database: bool = False
    slow: bool = False


# In the order of the report
TOPICS = (
    Topic("versions", versions.check_versions),
    Topic("postgresql", versions.check_programs, needs_database=True, slow=True),
    Topic(DATABASE, database.check_database),
    Topic("schema", database.check_schema, needs_database=True, slow=True),
    Topic("cache", cache.check_cache),
    Topic("storage", storage.check_storage),
    Topic("safety", safety.check_safety),
    Topic("backup", backups.check_last_backup, needs_database=True),
    Topic("abandoned", backups.check_leftover_databases, needs_database=True, slow=True),
    Topic("accounts", database.check_accounts, needs_database=True),
    Topic("files", files.check_files, needs_database=True),
)


def run_topics(
    topics: Sequence[Topic] | None = None, *, time_limit: float = TIME_LIMIT
) -> list[Finding]:
    """Return the Findings of topics, of all by default, in their order."""
    topics = TOPICS if topics is None else topics
    # The topics that need the database follow it, one after the other.
    chain = [topic for topic in topics if topic.name == DATABASE]
    chain += [topic for topic in topics if topic.needs_database]
    threads = [TopicThread([topic]) for topic in topics if topic not in chain]
    threads += [TopicThread(chain)] if chain else []
    end = time.monotonic() + time_limit
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    found: dict[str, list[Finding]] = {}
    for thread in threads:
        found |= thread.collect()
    return [finding for topic in topics for finding in found.get(topic.name, ())]


class TopicThread(threading.Thread):
    """Runs topics one after the other."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        super().__init__(name=f"diagnostics-{topics[0].name}", daemon=True)
        self.topics = topics
        self._language = translation.get_language()
        self._found: dict[str, list[Finding]] = {}

    def run(self) -> None:
        """Run each topic; one that fails does not stop the others."""
        try:
            with translation.override(self._language):
                for topic in self.topics:
                    skipped = topic.needs_database and has_error(self._found.get(DATABASE, ()))
                    self._found[topic.name] = [] if skipped else list(run_topic(topic))
        finally:
            connection.close()

    def collect(self) -> dict[str, list[Finding]]:
        """Return {topic name: Findings}; the topic that still runs gets one that says so."""
        found = dict(self._found)
        late = next((topic for topic in self.topics if topic.name not in found), None)
        if late:
            title = _("The check of “%(topic)s” takes too long, so its state is unknown")
            finding = Finding(late.name, error_level(late), title % {"topic": late.name})
            found[late.name] = [finding]
        return found


def run_topic(topic: Topic) -> Iterator[Finding]:
    """Yield the Findings of a topic; an exception becomes one too."""
    try:
        yield from topic.check()
    except Exception as error:
        if isinstance(error, DatabaseError):
            why = error_reason(error)
        else:
            why = str(error)
            logger.warning("The check of %s failed.", topic.name, exc_info=True)
        title = _("The check of “%(topic)s” failed (%(why)s)")
        values = {"topic": topic.name, "why": why or type(error).__name__}
        yield Finding(topic.name, error_level(topic), title % values)


def error_level(topic: Topic) -> str:
    """Return the level of a topic that could not be checked."""
    return ERROR if topic.name in (DATABASE, file_check.TOPIC) else WARNING


def has_error(found: Iterable[Finding]) -> bool:
    """Return whether one of some Findings is an error."""
    return any(finding.level == ERROR for finding in found)


def run_file_check(**options: Any) -> Iterator[Finding]:
    """Yield the Findings of `file_check.check_all_files`, or the errors of the database."""
    database_topics = [topic for topic in TOPICS if topic.name == DATABASE]
    errors = [each for each in run_topics(database_topics) if each.level == ERROR]
    check = Topic(file_check.TOPIC, lambda: file_check.check_all_files(**options))
    yield from errors or run_topic(check)


def problem_computation(user: Any) -> Computation | None:
    """Return the Computation for the admin's front page; None without permission."""
    if not user.has_perm(PAGE_PERMISSION):
        return None
    language = translation.get_language()
    return Computation(f"findings:{language}", PAGE_CACHE_SECONDS, lambda: find_problems(language))


def find_problems(language: str | None) -> list[dict[str, str]]:
    """Return the Findings of the quick topics that are not OK as dicts, errors first."""
    topics = [topic for topic in TOPICS if not topic.slow]
    with translation.override(language):
        found = run_topics(topics, time_limit=PAGE_TIME_LIMIT)
    problems = [finding.as_dict() for finding in found if finding.level != OK]
    return sorted(problems, key=lambda problem: problem["level"] != ERROR)
