"""What registration needs of Dataverse: its endpoints and steps, as rows with the columns they have there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID


class Kind(StrEnum):
    """The two tables that are written, by the names of their entity sets."""

    ENDPOINT = "serviceendpoints"
    STEP = "sdkmessageprocessingsteps"


type Columns = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Registered:
    """A row as it stands in Dataverse. Secrets never come back, only whether there is one."""

    id: UUID
    name: str
    columns: Columns


class Scope(NamedTuple):
    """What a step is about: the message (Create, Update, Delete) and its filter for one table."""

    message_id: UUID
    filter_id: UUID


class RegistryReader(Protocol):
    """Reads what is registered. Every method may raise TransientFault and ConfigurationFault."""

    async def organization(self) -> UUID:
        """The id of the organization that all this belongs to: every event names it."""
        ...

    async def endpoints(self, name: str) -> Sequence[Registered]:
        """The endpoints of this name."""
        ...

    async def steps(self, endpoint_id: UUID) -> Sequence[Registered]:
        """The steps that post to an endpoint, whatever their names."""
        ...

    async def scope(self, message: str, table: str) -> Scope:
        """What a step for this message and table refers to."""
        ...

    async def failed_jobs(self, step_id: UUID) -> int:
        """How many posts of a step failed for good and lie there as system jobs; counted up to 100."""
        ...


class RegistryWriter(Protocol):
    """Changes what is registered. Every method may raise TransientFault and ConfigurationFault."""

    async def create(self, kind: Kind, columns: Columns, solution: str = "") -> UUID:
        """Insert a row, in a solution if one is named; its id."""
        ...

    async def update(self, kind: Kind, row_id: UUID, columns: Columns) -> None:
        """Change these columns of a row."""
        ...

    async def delete(self, kind: Kind, row_id: UUID) -> None:
        """Delete a row; nothing to do if there is none."""
        ...
