"""The circuit breaker of one outside system, as all instances share it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.model.faults import System

_FORGET_TRIPS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed while `open_until` is None.

    After that moment one instance at a time may probe, until `probe_until`. `paused_by` is a person who
    holds the breaker open. `trips` counts the openings of one trouble: it is forgotten only when the breaker
    stayed closed for 10 minutes after `closed_at`.
    """

    system: System
    open_until: datetime | None = None
    probe_until: datetime | None = None
    paused_by: str = ""
    trips: int = 0
    closed_at: datetime | None = None
    reason: str = ""

    def opened(self, now: datetime, wait: float, reason: str) -> "Breaker":
        """Open for `wait` seconds, one trip more."""
        return replace(
            self,
            open_until=now + timedelta(seconds=wait),
            probe_until=None,
            trips=self.trips_at(now) + 1,
            reason=reason,
        )

    def closed(self, now: datetime) -> "Breaker":
        """Closed again; the trips are still remembered."""
        return replace(self, open_until=None, probe_until=None, closed_at=now, reason="")

    def probing(self, until: datetime) -> "Breaker":
        """Taken for one probe; expired, the next may take it."""
        return replace(self, probe_until=until)

    def trips_at(self, now: datetime) -> int:
        """How often it opened in one and the same trouble."""
        recovered = (
            self.open_until is None and self.closed_at is not None and now - self.closed_at > _FORGET_TRIPS
        )
        return 0 if recovered else self.trips
