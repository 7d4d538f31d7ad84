"""Reads the state of the app: queues, breakers, parked accounts, and the outcomes of the last minutes."""

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.diagnostics.read_parked import read_parked
from shared.diagnostics.read_runs import NO_RUNS, NewestRuns, newest_runs
from shared.model.activity import Activity, minute_of, together
from shared.model.breaker import Breaker
from shared.model.faults import ConfigurationFault, Fault, System
from shared.model.issue import Issue
from shared.model.outcome import Ending
from shared.model.parked import ParkedCount
from shared.model.queues import CHANGES, QueueDepth
from shared.ports import Clock, Control, Issues
from shared.ports.counts import Counts
from shared.ports.pages import Runs
from shared.ports.queues import QueueDepths
from shared.resilience.target_in_use import TargetInUse

WINDOW = timedelta(minutes=10)
LONGEST_READING = 15.0  # seconds for one part
_OLD = timedelta(minutes=1)
_UNCOUNTED = "More accounts are parked than were counted; `heal` counts the others within minutes."
_REFUSED = re.compile(r"\b40[134]\b|token|refuse|column|company|right", re.IGNORECASE)
_RIGHTS = {
    System.DATAVERSE: "Check the app's user in Sales, its security role, and DATAVERSE_URL.",
    System.TABLES: "Check the app's role on the storage account.",
    System.SERVICE_BUS: "Check the app's roles on the Service Bus namespace.",
}


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the app. `outcomes` are counted by ending within `window`; `issues` by cause.

    `drain_seconds`: how long the queue of changes takes at the present rate; None if no message was finished
    lately. `troubles`: parts that could not be read. `parked`: the few accounts that were parked last.
    `longest_wait`: how far ahead a message is usually scheduled at most. `runs`: the newest runs that walk
    many accounts. `counted_at`: when the parked accounts were counted.
    `minutes`: what was done in each, as far back as was asked for.
    """

    at: datetime
    queues: Sequence[QueueDepth]
    breakers: Sequence[Breaker]
    issues: Mapping[str, int]
    outcomes: Mapping[str, int]
    window: timedelta
    drain_seconds: float | None
    troubles: Sequence[str]
    parked: Sequence[Issue] = ()
    longest_wait: timedelta = timedelta()
    runs: NewestRuns = NO_RUNS
    counted_at: datetime | None = None
    minutes: Sequence[Activity] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing needs a person: nothing paused, open, dead-lettered, parked or unreadable."""
        return not self.attention

    @property
    def attention(self) -> list[str]:
        """Say what needs a person: one sentence each, with what to do."""
        found = [f"{breaker.system} {why_open(breaker)} {remedy_of(breaker)}" for breaker in self.held]
        for queue in self.queues:
            if queue.dead_letters:
                has = (
                    "has 1 dead letter"
                    if queue.dead_letters == 1
                    else f"has {queue.dead_letters:,} dead letters"
                )
                found.append(f"{queue.name} {has}: `accountsync dead-letters list`.")
        if parked := sum(self.issues.values()):
            are = "1 account is" if parked == 1 else f"{parked:,} accounts are"
            age = self.at - self.counted_at if self.counted_at else timedelta()
            counted = f", counted {age.total_seconds() / 60:.0f} min ago" if age >= _OLD else ""
            found.append(f"{are} parked{counted}: `accountsync issues` says for what.")
        return [*found, *self.runs.attention, *self.troubles]

    @property
    def held(self) -> list[Breaker]:
        """The breakers that stop work."""
        return held(self.breakers, self.at)

    @property
    def waits_until(self) -> datetime | None:
        """Return when all scheduled messages are due; None while a person has paused a system."""
        if any(breaker.paused_by for breaker in self.breakers):
            return None
        opened = [breaker.open_until for breaker in self.breakers if breaker.open_until]
        return max([self.at + self.longest_wait, *opened])


def held(breakers: Sequence[Breaker], now: datetime) -> list[Breaker]:
    """Return the breakers that stop work."""
    return [breaker for breaker in breakers if breaker.paused_by or (breaker.open_until or now) > now]


def why_open(breaker: Breaker) -> str:
    """Say why the breaker stops work, as the end of a sentence about the system."""
    if breaker.paused_by:
        return f"is paused by {breaker.paused_by}."
    return f"is in trouble ({breaker.reason.rstrip('.')})."


def remedy_of(breaker: Breaker) -> str:
    """Say what to do about a breaker that is open."""
    if breaker.paused_by:
        return f"`accountsync resume --system {breaker.system}` lets work go on."
    if _REFUSED.search(breaker.reason):
        erp = f"Check the app's user in {breaker.system}, its roles, and the address in the app's settings."
        what = _RIGHTS.get(breaker.system, erp)
    else:
        what = f"Check whether {breaker.system} runs; the address is in the app's settings."
    return f"{what} Work goes on by itself once it answers; `accountsync resume` makes it try at once."


@dataclass(frozen=True, slots=True)
class ReadStatus:
    """The use case behind `accountsync status` and `watch`. Its table requests are few, whatever the size."""

    queues: QueueDepths
    control: Control
    issues: Issues
    counts: Counts
    clock: Clock
    in_use: TargetInUse
    runs: Runs
    longest_wait: timedelta = timedelta()

    async def now(self, window: timedelta = WINDOW, back: timedelta = timedelta()) -> Status:
        """Read all parts at the same time. A part that cannot be read is reported, not raised.

        The minutes are read as far as `back`, if that is longer than the window.
        """
        now, troubles = self.clock.now(), list[str]()

        async def part[T](name: str, reading: Awaitable[T], otherwise: T) -> T:
            return await read_or(reading, otherwise, f"The {name} were not read", troubles, LONGEST_READING)

        queues, breakers, parked, minutes, (noted, runs), other_erp = await asyncio.gather(
            part("queues", self.queues.depths(), []),
            part("breakers", self.control.breakers(), {}),
            part("issues", read_parked(self.issues, self.counts, self.clock), ParkedCount(now, {})),
            part("outcomes", self.counts.since(now - max(window, back)), []),
            asyncio.gather(
                part("app's notes", self._noted(), []),
                part("runs", newest_runs(self.runs), NO_RUNS),
            ),
            self._other_erp(),
        )
        first = minute_of(now - window)
        endings = together(now, (minute for minute in minutes if minute.at >= first)).endings
        uncounted = [] if parked.complete else [_UNCOUNTED]
        return Status(
            at=now,
            queues=queues,
            breakers=[breaker for breaker, _ in breakers.values()],
            issues=parked.causes,
            outcomes=dict(endings.most_common()),
            window=window,
            drain_seconds=_drain(queues, endings, window),
            troubles=[*other_erp, *noted, *uncounted, *troubles],
            parked=parked.newest,
            longest_wait=self.longest_wait,
            runs=runs,
            counted_at=parked.at,
            minutes=minutes,
        )

    async def _noted(self) -> list[str]:
        """Say what the app has noticed of itself."""
        missing, untaken = await asyncio.gather(self.control.events_missing(), self.control.untaken())
        events = [f"Events are missing: {missing}"] if missing else []
        changes = [f"Changes are not taken: {untaken.told}"] if untaken and untaken.told else []
        return [*events, *changes]

    async def _other_erp(self) -> list[str]:
        """Say that the settings name another ERP than the one in use; if that is not known, say nothing."""
        try:
            async with asyncio.timeout(LONGEST_READING):
                await self.in_use.compare()
        except ConfigurationFault as fault:
            return [f"Nothing is written: {fault}"] if fault.system is self.in_use.system else []
        except (Fault, TimeoutError):
            return []
        return []


def _drain(queues: Sequence[QueueDepth], endings: Mapping[str, int], window: timedelta) -> float | None:
    waiting = sum(queue.active for queue in queues if queue.name == CHANGES)
    settled = sum(count for ending, count in endings.items() if ending != Ending.RETRYING)
    if not waiting:
        return 0.0
    return waiting * window.total_seconds() / settled if settled else None


async def read_or[T](
    reading: Awaitable[T], otherwise: T, not_read: str, troubles: list[str], longest: float | None = None
) -> T:
    """Return what is read, or `otherwise` with the reason among the troubles. `longest` in seconds."""
    try:
        async with asyncio.timeout(longest):
            return await reading
    except TimeoutError:
        troubles.append(f"{not_read}: no answer within {longest or 0:.0f} s.")
    except Fault as fault:
        troubles.append(f"{not_read}: {fault}")
    return otherwise
