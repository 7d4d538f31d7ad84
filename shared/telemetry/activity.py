"""Counts how events and checks end in this process, until the counts are added to the row of the minute."""

from datetime import UTC, datetime
from threading import Event, Lock

from shared.model.activity import Activity, Way, bucket_of, minute_of
from shared.model.outcome import Ending

_NEVER = datetime.min.replace(tzinfo=UTC)


class Counted:
    """What was counted since the last `take`."""

    def __init__(self) -> None:
        self.checked = Event()  # set once a check has ended
        self._counted = Activity(_NEVER)
        self._lock = Lock()

    @property
    def waits(self) -> bool:
        """Whether anything was counted."""
        return bool(self._counted.outcomes or self._counted.intake)

    def outcome(self, source: str, ending: Ending) -> None:
        """Count a handled message of `account-changes`."""
        with self._lock:
            self._counted.outcomes[Way(source, str(ending))] += 1
        self.checked.set()

    def intake(self, source: str, ending: str) -> None:
        """Count an event that came in."""
        with self._lock:
            self._counted.intake[Way(source, ending)] += 1

    def lag(self, seconds: float) -> None:
        """Count a write by the time since the change in Sales."""
        with self._lock:
            self._counted.lag[bucket_of(seconds)] += 1

    def take(self, now: datetime) -> Activity:
        """Return what was counted, as of this minute, and begin anew."""
        with self._lock:
            taken, self._counted = self._counted, Activity(_NEVER)
        return Activity(minute_of(now), taken.outcomes, taken.intake, taken.lag)

    def give_back(self, activity: Activity) -> None:
        """Count again what could not be stored."""
        with self._lock:
            self._counted = self._counted.plus(activity)


COUNTED = Counted()  # of this process
