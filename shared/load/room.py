"""How many more checks the queue has room for, for walks that go on at the same time."""

from datetime import timedelta

from shared.model.faults import Fault
from shared.ports import Clock
from shared.ports.load import WaitingChanges

_HOLDS = timedelta(seconds=1)  # a count; many walks ask for it


class Room:
    """One instance's count of what waits in the queue. What is sent in between counts too."""

    def __init__(self, waiting: WaitingChanges, clock: Clock, bound: int) -> None:
        self._waiting = waiting
        self._clock = clock
        self._bound = bound
        self._counted = 0
        self._counted_at = clock.now() - _HOLDS

    async def left(self, own: int) -> int:
        """Return how many checks may be sent.

        `own` are the walk's own checks that have not ended: without the right to the queue's counts, only
        these are known to wait.
        """
        if self._clock.now() - self._counted_at >= _HOLDS:
            try:
                self._counted = await self._waiting.count()
            except Fault:
                return self._bound - own
            self._counted_at = self._clock.now()
        return self._bound - self._counted

    def take(self, checks: int) -> None:
        """Note that checks were sent."""
        self._counted += checks
