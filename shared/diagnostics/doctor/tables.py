"""The tables: that each is there and can be read, and that a row can be written and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.diagnostics.doctor.clocks import compared
from shared.diagnostics.doctor.doctor import all_attempted, attempted
from shared.model.faults import System
from shared.model.finding import Finding
from shared.ports import Clock
from shared.ports.doctor import TableAccess

_WRITING = "writing to table Control"
_WHY = "The app keeps its state in this table; without it nothing is written to the ERP."


@dataclass(frozen=True, slots=True)
class TablesCheck:
    """Reads a row of each table. In Control it writes one row, deletes it, and compares the clocks."""

    tables: TableAccess
    clock: Clock

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each table, one for writing, and one for the clock."""
        reads = [(f"table {name}", self._read(name)) for name in self.tables.names]
        return [*await all_attempted(*reads), *await self._write()]

    async def _read(self, name: str) -> Finding:
        remedy = (
            f"Create the table {name}, and give the app's identity the role Storage Table Data Contributor "
            "on it; infra/main.bicep does both."
        )
        fine = "It is there and can be read."
        return await attempted(f"table {name}", self.tables.read(name), fine=fine, why=_WHY, remedy=remedy)

    async def _write(self) -> Sequence[Finding]:
        began, told = self.clock.now(), list[datetime | None]()
        remedy = "Give the app's identity the role Storage Table Data Contributor on the table Control."
        fine = "One row was written and deleted."

        async def write() -> None:
            told.append(await self.tables.write())

        attempt = attempted(_WRITING, write(), fine=fine, why=_WHY, remedy=remedy)
        written = await all_attempted((_WRITING, attempt))
        return [*written, *(compared(System.TABLES, at, began, self.clock.now()) for at in told)]
