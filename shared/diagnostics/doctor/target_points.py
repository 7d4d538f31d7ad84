"""Checks the ERP's own points: companies, services, reference data, and who assigns the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.diagnostics.doctor.field_map import not_checked
from shared.model.faults import Fault
from shared.model.finding import Finding
from shared.ports.metadata import SetUp


@dataclass(frozen=True, slots=True)
class TargetPointsCheck:
    """`erp` is the ERP's name for people."""

    set_up: SetUp
    erp: str

    async def check(self) -> Sequence[Finding]:
        """Return one finding for each point of the ERP in use."""
        try:
            return await self.set_up.points()
        except Fault as fault:
            return [not_checked(f"{self.erp}: set-up", fault)]
