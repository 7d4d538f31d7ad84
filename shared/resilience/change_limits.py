"""The blast-radius guard: limits the creations and the blocks in an hour to what the settings allow.

All instances count together: each reserves a part of the hour's allowance in the table Control and uses it
up. An account over the ceiling is parked as `GuardTripped`, which raises an alert.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.model.change import AccountChange, Source
from shared.model.faults import AccountFault
from shared.model.outcome import Cause, Problem
from shared.ports import Clock, Control
from shared.resilience.load_limit import LoadLimit
from shared.telemetry import LOGGER

_SHARE = 20  # an instance reserves a twentieth of the hour's allowance at a time


@dataclass(slots=True)
class BlastGuard:
    """Ceilings by kind; a kind without one is not counted."""

    allowances: Control
    clock: Clock
    ceilings: Mapping[str, int]
    load: LoadLimit
    _left: dict[tuple[str, datetime], int] = field(default_factory=dict[tuple[str, datetime], int])
    _reserving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def allow(self, kind: str, change: AccountChange) -> None:
        """Count one. Raises AccountFault(GuardTripped) when the hour's allowance is used up.

        The creations of a first load count against the load's own limit, see LoadLimit.
        """
        if _is_of_load(kind, change):
            await self.load.allow(change)
            return
        ceiling = self.ceilings.get(kind, 0)
        if not ceiling or change.approved:
            return
        hour = self._hour()
        key = kind, hour
        async with self._reserving:
            if not self._left.get(key):
                self._left = {other: left for other, left in self._left.items() if other[1] == hour}
                wanted = max(1, ceiling // _SHARE)
                self._left[key] = await self.allowances.reserve(kind, hour, wanted, ceiling)
            if self._left[key]:
                self._left[key] -= 1
                return
        LOGGER.critical(
            "guard tripped: more than %d %s in an hour", ceiling, kind, extra={"event": "guard-tripped"}
        )
        raise AccountFault(Problem(Cause.GUARD_TRIPPED, value=kind))

    def give_back(self, kind: str, change: AccountChange) -> None:
        """Return one that certainly changed nothing in the ERP. This instance can use it in the same hour."""
        if _is_of_load(kind, change):
            self.load.give_back()
            return
        key = kind, self._hour()
        if key in self._left and not change.approved:
            self._left[key] += 1

    def _hour(self) -> datetime:
        return self.clock.now().replace(minute=0, second=0, microsecond=0)


def _is_of_load(kind: str, change: AccountChange) -> bool:
    return kind == "creates" and change.source is Source.LOAD
