"""Measures the queues once a minute, and notices an app that runs but no longer takes changes.

An instance's session trigger can stay deaf after lost connections while its other triggers work. Then changes
wait, no system is paused or in trouble, and no check ends. The note in the table Control says since when, and
after ten minutes what to do; a log line, which an alert reads, tells it each minute while it lasts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.control import Untaken
from shared.model.faults import Fault
from shared.model.queues import CHANGES, QueueDepth
from shared.ports import Clock, Control
from shared.ports.queues import QueueDepths
from shared.telemetry import LOGGER
from shared.telemetry.metrics import QUEUE_DEPTH, QUEUE_OLDEST

SILENCE = timedelta(minutes=10)
LONGEST_SECONDS = 20.0

type LastOutcome = Callable[[datetime], Awaitable[datetime | None]]
"""Returns when the last check ended, of those that ended since then; None if none did."""


@dataclass(frozen=True, slots=True)
class WatchQueues:
    """One run a minute, with `heal`. `restart` is the command that restarts the app."""

    queues: QueueDepths
    control: Control
    last_outcome: LastOutcome
    clock: Clock
    restart: str

    async def run(self) -> None:
        """Measure and judge. A fault is only logged."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                depths = await self.queues.depths()
                _measure(depths, self.clock.now())
                await self._judge(sum(depth.active for depth in depths if depth.name == CHANGES))
        except TimeoutError:
            LOGGER.warning("the queues were not watched: no answer within %.0f s", LONGEST_SECONDS)
        except Fault as fault:
            LOGGER.warning("the queues were not watched: %s", fault)

    async def _judge(self, waiting: int) -> None:
        before = await self.control.untaken()
        now = await self._untaken(waiting, before)
        if now != before:
            await self.control.put_untaken(now)
        if now is not None and now.told:
            LOGGER.error("changes are not taken: %d wait; %s", waiting, now.told)

    async def _untaken(self, waiting: int, before: Untaken | None) -> Untaken | None:
        if not waiting or await self._is_stopped():
            return None
        now = self.clock.now()
        if before is None or now - before.since < SILENCE:
            return before or Untaken(now)
        if (last := await self.last_outcome(before.since)) is not None and last > before.since:
            return Untaken(last)
        return Untaken(
            before.since,
            f"no check has ended since {before.since:%Y-%m-%d %H:%M} UTC, although changes wait and no "
            f"system is paused or in trouble. Restart the app: `{self.restart}`.",
        )

    async def _is_stopped(self) -> bool:
        breakers = (await self.control.breakers()).values()
        return any(breaker.paused_by or breaker.open_until is not None for breaker, _ in breakers)


def _measure(depths: Sequence[QueueDepth], now: datetime) -> None:
    for depth in depths:
        states = {"active": depth.active, "scheduled": depth.scheduled, "dead-letters": depth.dead_letters}
        for state, count in states.items():
            QUEUE_DEPTH.note(count, queue=depth.name, state=state)
        if depth.name != CHANGES:  # its age is that of the accounts: a queue with sessions does not tell
            age = now - depth.oldest_at if depth.oldest_at else timedelta()
            QUEUE_OLDEST.note(max(0.0, age.total_seconds()), queue=depth.name)
