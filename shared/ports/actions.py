"""The port of the list of what people did on the operator's page."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from shared.model.action import OperatorAction


class Actions(Protocol):
    """Actions are added, and neither changed nor removed."""

    # Store the action.
    async def add(self, action: OperatorAction) -> None: ...
    # The action of this id, if there is one.
    async def get(self, action_id: UUID) -> OperatorAction | None: ...
    # The newest actions, at most this many, the newest first.
    async def newest(self, most: int) -> Sequence[OperatorAction]: ...
