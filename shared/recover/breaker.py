"""The circuit breakers: a system in trouble is left alone, by all instances together.

In: how each call to a system ended. Out: whether work may go on, or until when it waits. Waiting is no try.
A breaker opens on OperatorFaults at once, on the rate of transient faults otherwise; after its time one
instance probes, and only a probe that succeeds closes it.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.breaker import Breaker
from shared.model.faults import Fault, OperatorFault, StateConflict, System, TransientFault
from shared.ports import Clock
from shared.ports.recovery import BreakerRows, Probe
from shared.telemetry import LOGGER

_CACHE = timedelta(seconds=5)
_WINDOW = timedelta(seconds=60)
_LEAST_WAIT = timedelta(seconds=30)
_PROBE = timedelta(seconds=20)
_PROBE_SECONDS = 10.0
_PAUSE_LOOK = timedelta(seconds=60)
_COPIES_PER_SECOND = 10.0


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
    """Work waits until then, with a spread in seconds that grows with how much waits already."""

    until: datetime
    spread: float
    reason: str


class Breakers:
    """One instance's view of the shared breakers; their rows are read at most every 5 s."""

    def __init__(
        self, rows: BreakerRows, probes: Mapping[System, Probe], clock: Clock, rules: BreakerRules
    ) -> None:
        self._rows = rows
        self._probes = probes
        self._clock = clock
        self._rules = rules
        self._known: dict[System, tuple[Breaker, str | None]] = {}
        self._read_at: datetime | None = None
        self._calls: defaultdict[System, deque[tuple[datetime, bool]]] = defaultdict(deque)
        self._waiting = 0
        self._changing = asyncio.Lock()

    async def admit(self) -> Wait | None:
        """None: work may go on. Takes the probe, and makes it, where one is due."""
        await self._refresh()
        waits = [wait for breaker, _ in [*self._known.values()] if (wait := await self._wait_for(breaker))]
        if not waits:
            self._waiting = 0
            return None
        until, reason = max(waits)
        self._waiting += 1
        least = self._clock.now() + self._rules.least_wait
        return Wait(max(until, least), 1 + self._waiting / _COPIES_PER_SECOND, reason)

    async def admits(self, system: System) -> bool:
        """Whether this system may be asked now. Takes the probe, and makes it, where one is due."""
        await self._refresh()
        known = self._known.get(system)
        return known is None or await self._wait_for(known[0]) is None

    def succeeded(self, system: System) -> None:
        """A call to the system was answered."""
        self._note(system, failed=False)

    async def failed(self, system: System, fault: Fault) -> None:
        """A call to the system failed; opens its breaker if that was one too many."""
        if isinstance(fault, OperatorFault):
            await self._open(system, self._rules.operator, fault.reason)
        elif isinstance(fault, TransientFault) and fault.about_system:
            self._note(system, failed=True)
            if sum(failed for _, failed in self._calls[system]) >= self._rules.failures:
                await self._open(system, None, fault.reason, fault.retry_after or 0)

    async def pause(self, systems: list[System], who: str) -> None:
        """Hold the breakers open until `resume`."""
        await self._change_all(systems, lambda known: Breaker(known.system, paused_by=who, reason="paused"))

    async def resume(self, systems: list[System]) -> None:
        """Let go; whatever opened a breaker besides is forgotten too."""
        await self._change_all(systems, lambda known: Breaker(known.system, closed_at=self._clock.now()))

    async def states(self) -> list[Breaker]:
        """Every breaker that ever was opened or paused, as stored now."""
        return [breaker for breaker, _ in (await self._rows.read()).values()]

    def _note(self, system: System, *, failed: bool) -> None:
        calls, now = self._calls[system], self._clock.now()
        calls.append((now, failed))
        while now - calls[0][0] > _WINDOW or len(calls) > 2 * self._rules.failures:
            calls.popleft()

    async def _wait_for(self, breaker: Breaker) -> tuple[datetime, str] | None:
        now, reason = self._clock.now(), f"{breaker.system}: {breaker.reason}"
        if breaker.paused_by:
            return now + _PAUSE_LOOK, f"{breaker.system} is paused by {breaker.paused_by}"
        if breaker.open_until is None:
            return None
        if now < breaker.open_until:
            return breaker.open_until, reason
        if breaker.probe_until is not None and now < breaker.probe_until:
            return now, reason  # somebody probes: the answer is there after the least wait
        return await self._probe(breaker)

    async def _probe(self, breaker: Breaker) -> tuple[datetime, str] | None:
        """Make the one probe that is due, if no other instance has taken it."""
        now, reason = self._clock.now(), f"{breaker.system}: {breaker.reason}"
        if not await self._put(breaker.probing(now + _PROBE)):
            return now, reason
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._probes[breaker.system]()
        except (Fault, TimeoutError) as error:
            wait = self._rules.operator if isinstance(error, OperatorFault) else None
            told = error.reason if isinstance(error, TransientFault | OperatorFault) else breaker.reason
            opened = self._opened(breaker.system, wait, told, 0)
            await self._put(opened)
            return opened.open_until or now, reason
        self._calls[breaker.system].clear()
        await self._put(self._current(breaker.system).closed(self._clock.now()))
        LOGGER.warning("breaker closed: %s", breaker.system, extra={"event": "breaker-closed"})
        return None

    async def _open(self, system: System, wait: float | None, reason: str, at_least: float = 0) -> None:
        now = self._clock.now()
        known = self._current(system)
        if known.open_until is not None and (known.probe_until is None or now < known.open_until):
            return
        opened = self._opened(system, wait, reason, at_least)
        self._calls[system].clear()
        LOGGER.error("breaker opened: %s, %s", system, reason, extra={"event": "breaker-opened"})
        if not await self._put(opened):
            self._read_at = None

    def _opened(self, system: System, wait: float | None, reason: str, at_least: float) -> Breaker:
        now, known = self._clock.now(), self._current(system)
        backoff = min(self._rules.cap, self._rules.first * 2.0 ** min(known.trips_at(now), 20))
        return known.opened(now, max(backoff if wait is None else wait, at_least), reason)

    def _current(self, system: System) -> Breaker:
        breaker, _ = self._known.get(system, (Breaker(system), None))
        return breaker

    async def _put(self, breaker: Breaker) -> bool:
        """Store and remember; False if another instance was faster. Without the table, remember alone."""
        _, etag = self._known.get(breaker.system, (breaker, None))
        try:
            self._known[breaker.system] = breaker, await self._rows.put(breaker, etag)
        except StateConflict:
            self._read_at = None
            return False
        except (TransientFault, OperatorFault) as trouble:
            self._known[breaker.system] = breaker, etag
            LOGGER.warning("breaker of %s is not shared: %s", breaker.system, trouble)
        return True

    async def _refresh(self) -> None:
        async with self._changing:
            now = self._clock.now()
            if self._read_at is not None and now - self._read_at < _CACHE:
                return
            with suppress(TransientFault, OperatorFault):  # the tables' own trouble shows at the next step
                self._known = dict((await self._rows.read()).items())
                self._read_at = now

    async def _change_all(self, systems: list[System], change: Callable[[Breaker], Breaker]) -> None:
        for system in systems:
            while True:
                stored = (await self._rows.read()).get(system)
                breaker, etag = stored or (Breaker(system), None)
                with suppress(StateConflict):
                    await self._rows.put(change(breaker), etag)
                    break
        self._read_at = None
