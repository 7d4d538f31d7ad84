"""The list of what people did on the operator's page, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.model.action import OperatorAction


@dataclass
class FakeActions:
    """Implements Actions."""

    rows: list[OperatorAction] = field(default_factory=list[OperatorAction])

    async def add(self, action: OperatorAction) -> None:
        self.rows.append(action)

    async def get(self, action_id: UUID) -> OperatorAction | None:
        return next((row for row in self.rows if row.id == action_id), None)

    async def newest(self, most: int) -> Sequence[OperatorAction]:
        return sorted(self.rows, key=lambda row: str(row.id))[:most]
