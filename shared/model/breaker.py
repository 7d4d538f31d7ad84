"""The circuit breaker of one outside system, as all instances share it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.model.faults import System

REFUSED_ACCOUNTS = 3
_REFUSED_WITHIN = timedelta(minutes=10)
CHECK_LASTS = timedelta(minutes=2)
_FORGET_TRIPS = timedelta(minutes=10)
_MOST_REFUSALS = 30
_LEAST_WAIT = timedelta(seconds=30)


class Refusal(NamedTuple):
    """A system refused this account: the way is the operation, the status and the system's code."""

    way: str
    account_id: UUID
    at: datetime

    @property
    def operation(self) -> str:
        """What was refused."""
        return self.way.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed while `open_until` is None.

    After that moment one instance at a time may probe, until `probe_until`. `paused_by` is a person who
    holds the breaker open. `trips` counts the openings of one trouble: it is forgotten only when the breaker
    stayed closed for 10 minutes after `closed_at`. `refusals` are the accounts that were refused of late with
    no success of the same operation since. `refused` is the way in which the breaker was opened by them: then
    `refusals` holds the accounts parked by it, and the probe is a check of one of them, the `prober`.
    """

    system: System
    open_until: datetime | None = None
    probe_until: datetime | None = None
    paused_by: str = ""
    trips: int = 0
    closed_at: datetime | None = None
    reason: str = ""
    refusals: tuple[Refusal, ...] = ()
    refused: str = ""
    prober: UUID | None = None

    @property
    def parked(self) -> list[UUID]:
        """The accounts that are parked because of what opened the breaker."""
        return [refusal.account_id for refusal in self.refusals] if self.refused else []

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
        return replace(
            self,
            open_until=None,
            probe_until=None,
            closed_at=now,
            reason="",
            refusals=() if self.refused else self.refusals,
            refused="",
            prober=None,
        )

    def probing(self, until: datetime) -> "Breaker":
        """Taken for one probe; expired, the next may take it."""
        return replace(self, probe_until=until)

    def trips_at(self, now: datetime) -> int:
        """How often it opened in one and the same trouble."""
        recovered = (
            self.open_until is None and self.closed_at is not None and now - self.closed_at > _FORGET_TRIPS
        )
        return 0 if recovered else self.trips

    def with_refusal(self, new: Refusal) -> "Breaker":
        """One account more was refused; what is older than 10 minutes counts no more."""
        kept = [
            old
            for old in self.refusals
            if new.at - old.at < _REFUSED_WITHIN and (old.way, old.account_id) != (new.way, new.account_id)
        ]
        return replace(self, refusals=(*kept, new)[-_MOST_REFUSALS:])

    def refuses_all(self, way: str) -> bool:
        """Whether so many accounts were refused in this way that it is the system's doing."""
        return sum(refusal.way == way for refusal in self.refusals) >= REFUSED_ACCOUNTS

    def opened_by_refusals(self, way: str, now: datetime, wait: float, reason: str) -> "Breaker":
        """Open until one of the accounts that were refused in this way is not refused any more."""
        parked = tuple(refusal for refusal in self.refusals if refusal.way == way)
        return replace(self.opened(now, wait, reason), refusals=parked, refused=way)

    def probing_by_account(self, now: datetime) -> "Breaker":
        """Taken for a check of one of the parked accounts: each time of another one."""
        parked = self.parked
        place = next((n for n, account in enumerate(parked, 1) if account == self.prober), 0)
        return replace(self, probe_until=now + CHECK_LASTS, prober=parked[place % len(parked)])

    def is_probed_by(self, account_id: UUID | None, now: datetime) -> bool:
        """Whether a check of this account is the probe that is under way."""
        under_way = self.probe_until is not None and now < self.probe_until
        return under_way and account_id is not None and self.prober == account_id

    def without(self, account_id: UUID, now: datetime) -> "Breaker":
        """This account proves nothing any more: another one probes at once; without one it is closed."""
        left = tuple(refusal for refusal in self.refusals if refusal.account_id != account_id)
        if not left:
            return self.closed(now)
        return replace(self, refusals=left, open_until=now, probe_until=None)

    def after_success(self, operation: str, at: datetime, now: datetime) -> "Breaker":
        """What a success of the operation disproves: the refusals of it before that moment.

        A breaker that was opened by refusals is closed by a success while one of its accounts probes, and by
        one that came between the refusals and became known too late.
        """
        if not self.refused:
            kept = tuple(old for old in self.refusals if old.operation != operation or old.at > at)
            return self if kept == self.refusals else replace(self, refusals=kept)
        between = self.refusals[0].at <= at < self.refusals[-1].at
        probing = self.probe_until is not None and self.probe_until - CHECK_LASTS <= at
        same = self.refused.partition(" ")[0] == operation
        return self.closed(now) if same and (between or probing) else self


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Opens when `failures` of the newest 2 * `failures` calls of a minute failed, however many went well
    before; for `first` seconds, doubled with each trip up to `cap`, or for `operator` seconds when the
    set-up is wrong."""

    failures: int
    first: float
    cap: float
    operator: float
    least_wait: timedelta = _LEAST_WAIT


@dataclass(frozen=True, slots=True)
class Wait:
    """Work waits until then, and up to `spread` seconds longer, so that not all of it comes back at once.

    Both depend on the breaker alone: neither how long it is open nor how much waits makes a message wait
    longer. What comes back is worked off by the partitions, as fast as the systems answer.
    """

    until: datetime
    spread: float
    reason: str
