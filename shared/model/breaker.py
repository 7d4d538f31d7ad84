"""The circuit breaker of one outside system, shared by all instances. Pure."""

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
    """A refusal of one account. `way` is the kind of request, the status and the system's code."""

    way: str
    account_id: UUID
    at: datetime

    @property
    def operation(self) -> str:
        """The kind of request that was refused."""
        return self.way.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker's state. It is closed while `open_until` is None.

    After `open_until` one instance at a time may probe, until `probe_until`. `paused_by` is the person who
    holds the breaker open. `trips` counts how often it opened; it is reset once the breaker has been closed
    for 10 minutes, counted from `closed_at`. `refusals` are recently refused accounts, without a success of
    the same kind of request since. If refusals opened the breaker, `refused` is their `way`, `refusals` are
    the accounts that were parked, and the probe is a check of one of them, the `prober`.
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
        """The accounts that were parked by the refusals that opened the breaker."""
        return [refusal.account_id for refusal in self.refusals] if self.refused else []

    def opened(self, now: datetime, wait: float, reason: str) -> "Breaker":
        """Return the breaker opened for `wait` seconds."""
        return replace(
            self,
            open_until=now + timedelta(seconds=wait),
            probe_until=None,
            trips=self.trips_at(now) + 1,
            reason=reason,
        )

    def closed(self, now: datetime) -> "Breaker":
        """Return the breaker closed, with its number of trips."""
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
        """Return the breaker reserved for one probe; after `until` another instance may probe."""
        return replace(self, probe_until=until)

    def trips_at(self, now: datetime) -> int:
        """Return how often the breaker opened since it last stayed closed for 10 minutes."""
        recovered = (
            self.open_until is None and self.closed_at is not None and now - self.closed_at > _FORGET_TRIPS
        )
        return 0 if recovered else self.trips

    def with_refusal(self, new: Refusal) -> "Breaker":
        """Return the breaker with one more refused account, without refusals older than 10 minutes."""
        kept = [
            old
            for old in self.refusals
            if new.at - old.at < _REFUSED_WITHIN and (old.way, old.account_id) != (new.way, new.account_id)
        ]
        return replace(self, refusals=(*kept, new)[-_MOST_REFUSALS:])

    def refuses_all(self, way: str) -> bool:
        """Whether so many accounts were refused in this way that the system itself is at fault."""
        return sum(refusal.way == way for refusal in self.refusals) >= REFUSED_ACCOUNTS

    def opened_by_refusals(self, way: str, now: datetime, wait: float, reason: str) -> "Breaker":
        """Return the breaker opened until a check of one of the accounts refused in this way succeeds."""
        parked = tuple(refusal for refusal in self.refusals if refusal.way == way)
        return replace(self.opened(now, wait, reason), refusals=parked, refused=way)

    def probing_by_account(self, now: datetime) -> "Breaker":
        """Return the breaker reserved for a check of the next parked account."""
        parked = self.parked
        place = next((n for n, account in enumerate(parked, 1) if account == self.prober), 0)
        return replace(self, probe_until=now + CHECK_LASTS, prober=parked[place % len(parked)])

    def is_probed_by(self, account_id: UUID | None, now: datetime) -> bool:
        """Whether a check of this account is the current probe."""
        under_way = self.probe_until is not None and now < self.probe_until
        return under_way and account_id is not None and self.prober == account_id

    def without(self, account_id: UUID, now: datetime) -> "Breaker":
        """Return the breaker without this account's refusals. The next account probes at once; without any
        account left, the breaker is closed.
        """
        left = tuple(refusal for refusal in self.refusals if refusal.account_id != account_id)
        if not left:
            return self.closed(now)
        return replace(self, refusals=left, open_until=now, probe_until=None)

    def after_success(self, operation: str, at: datetime, now: datetime) -> "Breaker":
        """Return the breaker after a success of this kind of request, which disproves earlier refusals of it.

        If refusals opened the breaker, a success closes it while an account probes. So does a success between
        the refusals that became known only after the breaker had opened.
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
    """When a breaker opens, and for how long.

    It opens when `failures` of the newest 2 * `failures` calls within a minute failed. It stays open for
    `first`
    seconds, doubled with each trip up to `cap`; after a configuration fault for `operator` seconds."""

    failures: int
    first: float
    cap: float
    operator: float
    least_wait: timedelta = _LEAST_WAIT


@dataclass(frozen=True, slots=True)
class Wait:
    """How long work waits: until `until`, and up to `spread` seconds longer, so that it returns spread out.

    Both depend on the breaker alone, not on the length of the outage or the number of waiting messages. The
    partitions then handle the messages as fast as the systems answer. `paused`: a person holds a system.
    """

    until: datetime
    spread: float
    reason: str
    paused: bool
