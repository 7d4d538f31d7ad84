"""The circuit breakers: they stop the calls of all instances to a system that does not work.

In: how each call to a system ended. Out: whether work may go on, or until when it waits. Waiting does not
count as an attempt. A breaker opens at once on a configuration fault, on a high rate of transient faults, and
on refusals of several accounts. After its time one instance probes; only a probe that succeeds closes it.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from shared.model.breaker import Breaker, BreakerRules, Wait
from shared.model.faults import ConfigurationFault, Fault, Refused, System, TransientFault
from shared.ports import Clock, Control, Probe
from shared.resilience.refusals import Recheck, Refusals
from shared.resilience.shared_breakers import SharedBreakers
from shared.telemetry import LOGGER, SPAN

_WINDOW = timedelta(seconds=60)
_PROBE = timedelta(seconds=20)
_PROBE_SECONDS = 10.0
_PROBE_HOLDS = timedelta(seconds=5)
_PAUSE_LOOK = timedelta(seconds=60)
_SPREAD = 0.1
_LEAST_SPREAD = 1.0  # seconds
# The spans of the actions that have another name than theirs.
_SPANS = {"create": "write", "update": "write", "write-back": "write"}


class Breakers:
    """One instance's view of the shared breakers; their rows are read at most every 5 s."""

    def __init__(
        self,
        rows: Control,
        probes: Mapping[System, Probe],
        clock: Clock,
        rules: BreakerRules,
        recheck: Recheck,
        most_at_once: Mapping[System, int] | None = None,
    ) -> None:
        self._rows = rows
        self._probes = probes
        self._clock = clock
        self._rules = rules
        self._shared = SharedBreakers(rows, clock)
        self._succeeded: dict[tuple[System, str], datetime] = {}
        self._refusals = Refusals(self._shared, clock, rules.operator, recheck, self._succeeded)
        limits = (most_at_once or {}).items()
        self._slots = {system: asyncio.Semaphore(most) for system, most in limits if most}
        self._calls: defaultdict[System, deque[tuple[datetime, bool]]] = defaultdict(deque)
        self._well_at: dict[System, datetime] = {}

    async def admit(self, account_id: UUID | None = None) -> Wait | None:
        """Return how long work on this account must wait; None if it may go on. Makes a probe that is due."""
        await self._shared.refresh()
        if not self._shared.known:
            return None
        await self._refusals.settled(None)
        waits = [found for each in self._shared.known if (found := await self._wait_for(each, account_id))]
        if not waits:
            return None
        until, reason = max(waits)
        now = self._clock.now()
        until = max(until, now + self._rules.least_wait)
        paused = any(breaker.paused_by for breaker in self._shared.known)
        return Wait(until, max(_LEAST_SPREAD, _SPREAD * (until - now).total_seconds()), reason, paused)

    async def admits(self, system: System) -> bool:
        """Whether this system may be called now. Makes a probe that is due."""
        await self._shared.refresh()
        return await self._wait_for(self._shared.current(system), None) is None

    async def call[T](
        self, system: System, action: str, request: Awaitable[T], *, remembered: bool = False
    ) -> T:
        """Wait for a request to the system and note how it ended.

        `action` has the name that the adapters use in refusals. `remembered`: the process may know the answer
        without a request, so that only a fault says something about the system. One process sends no more
        requests at a time than the system has slots.
        """
        with SPAN(_SPANS.get(action, action), attributes={"system": system, "action": action}):
            if (slots := self._slots.get(system)) is None:
                return await self._noted(system, action, request, remembered)
            async with slots:
                return await self._noted(system, action, request, remembered)

    async def _noted[T](self, system: System, action: str, request: Awaitable[T], remembered: bool) -> T:
        try:
            result = await request
        except (TransientFault, ConfigurationFault) as fault:
            await self.failed(system, fault)
            raise
        except Fault:
            self._note(system, failed=False)  # the system answered, if only that it will not
            raise
        if not remembered:
            self._note(system, failed=False)
            self._succeeded[system, action] = self._clock.now()
        return result

    async def failed(self, system: System, fault: Fault) -> None:
        """Count a failed call to the system, and open the breaker if there were too many."""
        if isinstance(fault, ConfigurationFault):
            await self._open(system, self._rules.operator, fault.reason)
        elif isinstance(fault, TransientFault) and fault.about_system:
            self._note(system, failed=True)
            if sum(failed for _, failed in self._calls[system]) >= self._rules.failures:
                await self._open(system, None, fault.reason, fault.retry_after or 0)

    async def refused(self, fault: Refused, account_id: UUID) -> Fault:
        """Return the fault to handle: the refusal itself parks the account, another fault makes it wait.

        The other fault is that of a system that refuses all, or that of the tables if nobody can tell.
        """
        try:
            closed = self._shared.current(fault.system).open_until is None
            if closed and (trouble := await self._trouble_now(fault.system)) is not None:
                await self.failed(fault.system, trouble)
                return trouble
            return await self._refusals.note(fault, account_id)
        except (TransientFault, ConfigurationFault) as trouble:
            return trouble

    async def settled(self, account_id: UUID | None) -> None:
        """Note that the work on a message is done. `account_id`: the account, if its check has ended."""
        await self._refusals.settled(account_id)

    async def pause(self, systems: list[System], who: str) -> None:
        """Hold the breakers open until `resume`."""
        for system in systems:
            await self._shared.change(system, lambda known: replace(known, paused_by=who, reason="paused"))

    async def resume(self, systems: list[System]) -> None:
        """Close the breakers, also those that faults opened, and check the accounts that they parked."""
        now = self._clock.now()
        for system in systems:
            before, _ = await self._shared.change(system, lambda known: Breaker(known.system, closed_at=now))
            await self._refusals.release(before)

    async def states(self) -> list[Breaker]:
        """Return every breaker that was ever opened or paused, as stored now."""
        return [breaker for breaker, _ in (await self._rows.breakers()).values()]

    def _note(self, system: System, *, failed: bool) -> None:
        calls, now = self._calls[system], self._clock.now()
        calls.append((now, failed))
        while now - calls[0][0] > _WINDOW or len(calls) > 2 * self._rules.failures:
            calls.popleft()

    async def _wait_for(self, breaker: Breaker, account_id: UUID | None) -> tuple[datetime, str] | None:
        now, reason = self._clock.now(), f"{breaker.system}: {breaker.reason}"
        if breaker.paused_by:
            return now + _PAUSE_LOOK, f"{breaker.system} is paused by {breaker.paused_by}"
        if breaker.open_until is None or breaker.is_probed_by(account_id, now):
            return None
        if now < breaker.open_until:
            return breaker.open_until, reason
        if breaker.probe_until is not None and now < breaker.probe_until:
            return now, reason  # somebody probes: the answer is there after the least wait
        if breaker.refused:
            await self._refusals.probe(breaker)
            return now, reason
        return await self._probe(breaker)

    async def _probe(self, breaker: Breaker) -> tuple[datetime, str] | None:
        """Make the probe that is due, unless another instance makes it."""
        now, reason = self._clock.now(), f"{breaker.system}: {breaker.reason}"
        if not await self._shared.put(breaker.probing(now + _PROBE), breaker):
            return now, reason
        trouble = await self._trouble(breaker.system)
        current = self._shared.current(breaker.system)
        if trouble is not None:
            wait = self._rules.operator if isinstance(trouble, ConfigurationFault) else None
            opened = self._opened(breaker.system, wait, trouble.reason, 0)
            await self._shared.put(opened, current)
            _log_opened(breaker.system, trouble.reason)
            if isinstance(trouble, ConfigurationFault):
                LOGGER.error("set-up is wrong: %s", trouble, extra={"event": "operator-fault"})
            return opened.open_until or now, reason
        self._calls[breaker.system].clear()
        await self._shared.put(current.closed(self._clock.now()), current)
        LOGGER.warning("breaker closed: %s", breaker.system, extra={"event": "breaker-closed"})
        return None

    async def _trouble_now(self, system: System) -> TransientFault | ConfigurationFault | None:
        """Probe the system unless a probe succeeded a moment ago, and return the fault if there is one."""
        well_at = self._well_at.get(system)
        if well_at is not None and self._clock.now() - well_at < _PROBE_HOLDS:
            return None
        return await self._trouble(system)

    async def _trouble(self, system: System) -> TransientFault | ConfigurationFault | None:
        """Probe the system, and return the fault if there is one."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._probes[system]()
        except (TransientFault, ConfigurationFault) as fault:
            return fault
        except TimeoutError:
            return TransientFault(system, "no answer to a probe")
        self._well_at[system] = self._clock.now()
        return None

    async def _open(self, system: System, wait: float | None, reason: str, at_least: float = 0) -> None:
        now = self._clock.now()
        known = self._shared.current(system)
        if known.open_until is not None and (known.probe_until is None or now < known.open_until):
            return
        opened = self._opened(system, wait, reason, at_least)
        self._calls[system].clear()
        _log_opened(system, reason)
        if not await self._shared.put(opened, known):
            self._shared.expire()

    def _opened(self, system: System, wait: float | None, reason: str, at_least: float) -> Breaker:
        now, known = self._clock.now(), self._shared.current(system)
        backoff = min(self._rules.cap, self._rules.first * 2.0 ** min(known.trips_at(now), 20))
        return known.opened(now, max(backoff if wait is None else wait, at_least), reason)


def _log_opened(system: System, reason: str) -> None:
    """Write the line again after each probe that fails: an alert looks back for some minutes only."""
    LOGGER.error("breaker opened: %s, %s", system, reason, extra={"event": "breaker-opened"})
