"""The tables: that each is there and can be read, and that a row can be written and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.diagnostics.doctor.doctor import all_attempted, attempted
from shared.model.finding import Finding
from shared.ports.doctor import TableAccess

_WHY = "The app keeps its state in this table; without it nothing is written to the ERP."


@dataclass(frozen=True, slots=True)
class TablesCheck:
    """Reads a row of each table; in Control it writes one row and deletes it."""

    tables: TableAccess

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each table, and one for writing."""
        reads = [(f"table {name}", self._read(name)) for name in self.tables.names]
        return await all_attempted(*reads, ("writing to table Control", self._write()))

    async def _read(self, name: str) -> Finding:
        remedy = (
            f"Create the table {name}, and give the app's identity the role Storage Table Data Contributor "
            "on it; infra/main.bicep does both."
        )
        fine = "It is there and can be read."
        return await attempted(f"table {name}", self.tables.read(name), fine=fine, why=_WHY, remedy=remedy)

    async def _write(self) -> Finding:
        remedy = "Give the app's identity the role Storage Table Data Contributor on the table Control."
        fine = "One row was written and deleted."
        name = "writing to table Control"
        return await attempted(name, self.tables.write(), fine=fine, why=_WHY, remedy=remedy)
