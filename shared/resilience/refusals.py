"""Refusals: one refusal parks one account; the same refusal of three accounts opens the system's breaker.

In: requests about single accounts that a system refused, and requests that succeeded. Out: whether the
refused account is parked or waits. A breaker that refusals opened is probed by a check of one of the parked
accounts. Once the operation succeeds again, the other parked accounts are checked too.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from shared.model.breaker import REFUSED_ACCOUNTS, Breaker, Refusal
from shared.model.faults import ConfigurationFault, Fault, Refused, System, TransientFault
from shared.ports import Clock
from shared.resilience.shared_breakers import SharedBreakers
from shared.telemetry import LOGGER

type Recheck = Callable[[UUID, str], Awaitable[bool]]
"""Send a verifying check of a parked account, and why; False if nothing is known of it."""


class Refusals:
    """Counts the refusals of all instances together. `wait` is the time between two probes, in seconds.

    `succeeded`: when this instance's last request of each action succeeded, for each system.
    """

    def __init__(
        self,
        shared: SharedBreakers,
        clock: Clock,
        wait: float,
        recheck: Recheck,
        succeeded: dict[tuple[System, str], datetime],
    ) -> None:
        self._shared = shared
        self._clock = clock
        self._wait = wait
        self._recheck = recheck
        self._succeeded = succeeded

    async def note(self, fault: Refused, account_id: UUID) -> Fault:
        """Return the fault to handle: the refusal itself parks the account, another fault makes it wait.

        Raises faults of the Table service.
        """

        def noted(breaker: Breaker) -> Breaker:
            now = self._clock.now()
            if breaker.is_probed_by(account_id, now):
                return breaker.opened(now, self._wait, breaker.reason)
            if breaker.open_until is not None:
                return breaker
            counted = self._believed(breaker).with_refusal(Refusal(fault.way, account_id, now))
            if not counted.refuses_all(fault.way):
                return counted
            return counted.opened_by_refusals(fault.way, now, self._wait, _reason(fault))

        before, after = await self._shared.change(fault.system, noted)
        self._succeeded.pop((fault.system, fault.operation), None)
        if after == before and before.open_until is not None:
            return ConfigurationFault(fault.system, before.reason, "")
        if after.refused:  # again after each probe that fails: an alert looks back for some minutes only
            text = "breaker opened: %s, %s"
            LOGGER.error(text, fault.system, after.reason, extra={"event": "breaker-opened"})
        return fault

    async def settled(self, account_id: UUID | None) -> None:
        """Act on recent successes. If the check of the probing account proved nothing, another one probes."""
        for breaker in self._shared.known:
            if not breaker.refusals:
                continue
            now, better = self._clock.now(), self._believed(breaker)
            if better == breaker and account_id and breaker.is_probed_by(account_id, now):
                better = breaker.without(account_id, now)
            if better != breaker:
                await self._replace(breaker, better)

    async def probe(self, breaker: Breaker) -> None:
        """Choose one of the parked accounts as the probe, and send a check of it."""
        probing = breaker.probing_by_account(self._clock.now())
        prober = probing.prober
        if prober is None or not await self._shared.put(probing, breaker):
            return
        with suppress(TransientFault, ConfigurationFault):  # without this check, the next one probes
            if not await self._recheck(prober, f"probe of {breaker.system}"):
                await self._shared.put(probing.without(prober, self._clock.now()), probing)

    async def release(self, breaker: Breaker) -> None:
        """Check the accounts that this breaker parked, except the one that probed. Raises faults."""
        for parked in breaker.parked:
            if not breaker.is_probed_by(parked, self._clock.now()):
                await self._recheck(parked, f"{breaker.system} refuses no more")

    def _believed(self, breaker: Breaker) -> Breaker:
        """Return the breaker without the refusals that a success of this instance disproves."""
        for (system, operation), at in self._succeeded.items():
            if system is breaker.system and breaker.refusals:
                breaker = breaker.after_success(operation, at, self._clock.now())
        return breaker

    async def _replace(self, breaker: Breaker, better: Breaker) -> None:
        """Send the checks before the breaker closes: after a crash in between it is still open."""
        closed = breaker.refused and not better.refused
        try:
            if closed:
                await self.release(breaker)
        except (TransientFault, ConfigurationFault) as trouble:
            LOGGER.warning("breaker of %s stays open for now: %s", breaker.system, trouble)
            return
        if await self._shared.put(better, breaker) and closed:
            LOGGER.warning("breaker closed: %s", breaker.system, extra={"event": "breaker-closed"})


def _reason(fault: Refused) -> str:
    return f"{REFUSED_ACCOUNTS} accounts were refused to {fault.way}. {fault.remedy}".strip()
