"""Reports how many accounts wait and for how long, as the tables say, not the recent log.

In: accounts that are retrying or whose unknown outcome did not end in time, and systems whose breaker is open
or paused. Out: one log line, which an alert reads. One run of `heal` reads only a few pages, however many
accounts there are; the next run continues from there.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.model.faults import Fault
from shared.model.queues import CHANGES
from shared.ports import Clock, Control, SyncStates
from shared.telemetry import LOGGER
from shared.telemetry.metrics import QUEUE_OLDEST

EVERY = timedelta(minutes=5)
PAGES = 4  # table requests of one run
_HELD = 2  # table requests that read what is held
LONGEST_SECONDS = 30.0


@dataclass(slots=True)
class ReportWaiting:
    """Writes the line at most every 5 minutes. It runs with `heal`, on one instance at a time."""

    states: SyncStates
    control: Control
    clock: Clock
    _found: list[datetime] = field(default_factory=list[datetime])
    _after: str | None = ""  # where the next page begins; None once all were read
    _due: datetime | None = None

    async def run(self) -> None:
        """Read the next pages, and write the line after the last one, maybe in the next run.

        A fault is only logged.
        """
        if self._due is not None and self.clock.now() < self._due:
            return
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                if await self._read_on():
                    await self._report()
        except TimeoutError:
            LOGGER.warning("what waits was not read: no answer within %.0f s", LONGEST_SECONDS)
        except Fault as fault:
            LOGGER.warning("what waits was not read: %s", fault)

    async def _read_on(self) -> bool:
        """Read the next pages. Return whether all were read and this run has the requests left to report."""
        left = PAGES
        while left and self._after is not None:
            page = await self.states.waiting(self._after)
            self._found += page.rows
            self._after, left = page.after or None, left - 1
        return self._after is None and left >= _HELD

    async def _report(self) -> None:
        systems = await self._held()
        now = self.clock.now()
        accounts = [since for since in self._found if since <= now]
        oldest = now - min((*accounts, *systems.values()), default=now)
        QUEUE_OLDEST.note((now - min(accounts, default=now)).total_seconds(), queue=CHANGES)
        LOGGER.info(
            "waiting: oldest %d minutes, %d accounts, systems: %s",
            oldest.total_seconds() // 60,
            len(accounts),
            ", ".join(sorted(systems)) or "none",
            extra={"event": "waiting", "accounts": len(accounts), "minutes": oldest.total_seconds() / 60},
        )
        self._found, self._after = [], ""
        self._due = now + EVERY

    async def _held(self) -> dict[str, datetime]:
        """Return the systems whose breaker is open or paused, each with the time when that was first seen."""
        rows, noted = await self.control.breakers(), await self.control.held_since()
        now = self.clock.now()
        held = {
            str(system): noted.get(str(system), now)
            for system, (breaker, _) in rows.items()
            if breaker.paused_by or breaker.open_until is not None
        }
        if new := held.keys() - noted.keys():
            await self.control.put_held({system: held[system] for system in new})
        if over := noted.keys() - held.keys():
            await self.control.remove_held(over)
        return held
