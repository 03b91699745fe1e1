"""When sample things happen: over the last months, the more the nearer, while people are awake."""

from datetime import UTC, datetime

from django.conf import settings

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
SPAN = 180 * DAY  # so far back it goes
TOKYO = 9 * HOUR


class Times:
    """Draws moments, in seconds of the epoch; none is later than `now`."""

    def __init__(self, random, now):
        self._random = random
        self.now = now

    def spread(self, count):
        """Yield so many moments, day by day from the oldest."""
        random = self._random.random
        for index in range(count):
            age = SPAN * (1 - (index + random()) / count) ** 1.5
            day = (self.now - age + TOKYO) // DAY
            # Between half past seven and midnight.
            moment = day * DAY - TOKYO + 7.5 * HOUR + 16.5 * HOUR * (random() + random()) / 2
            yield moment if moment < self.now else self.now - random() * 3 * HOUR

    def sign_up(self):
        """Return when somebody may have signed up: before all else."""
        return self.now - SPAN - self._random.uniform(20, 60) * DAY

    def after(self, moment, *, quick=False):
        """Return when somebody may have written the next message."""
        pause = self._random.uniform(MINUTE, 20 * MINUTE)
        if quick:
            pause = 30
        elif self._random.random() < 0.3:
            pause = self._random.uniform(HOUR, 2 * DAY)
        return moment + pause

    def trashed(self, moment, share):
        """Return when something of that moment went into the trash, for a share of all, or None."""
        if self._random.random() >= share:
            return None
        earliest = max(moment, self.now - (settings.TRASH_DAYS - 1) * DAY)
        return aware(self._random.uniform(earliest, self.now))


def aware(moment):
    """Return the datetime of a moment."""
    return datetime.fromtimestamp(moment, UTC)
