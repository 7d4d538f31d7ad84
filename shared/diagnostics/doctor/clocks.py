"""The clocks: how far this machine's is from each system's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.diagnostics.doctor.doctor import all_attempted
from shared.model.faults import System
from shared.model.finding import Finding, Grade
from shared.ports import Clock
from shared.ports.doctor import ReadTime

NOTICED, TOO_FAR = 5.0, 60.0  # seconds; a header Date has whole seconds, and an answer takes a moment


@dataclass(frozen=True, slots=True)
class ClocksCheck:
    """Compares the time in an answer of each system with the time when it came."""

    times: Mapping[System, ReadTime]
    clock: Clock

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each system."""
        return await all_attempted(
            *((f"clock of {system}", self._one(system, read)) for system, read in self.times.items())
        )

    async def _one(self, system: System, read: ReadTime) -> Finding:
        began = self.clock.now()
        found = await read()
        return compared(system, found, began, self.clock.now())


def compared(system: System, found: datetime | None, began: datetime, ended: datetime) -> Finding:
    """Compare the time that a system said with the times of this machine before and after it was asked."""
    name = f"clock of {system}"
    why = "The order of changes, leases and tokens are judged by wrong times."
    if found is None:
        what = "The system does not say its time."
        return Finding(name, Grade.NOT_CHECKED, what, why, "Look for a proxy that takes headers away.")
    apart = max((began - found).total_seconds(), (found - ended).total_seconds(), 0.0)
    if apart < NOTICED:
        return Finding(name, Grade.FINE, "It agrees with this machine's.")
    grade = Grade.ERROR if apart >= TOO_FAR else Grade.WARNING
    remedy = "Set the clock of this machine by a time server; if it is right, tell who runs the system."
    return Finding(name, grade, f"It is {apart:.0f} s apart from this machine's.", why, remedy)
