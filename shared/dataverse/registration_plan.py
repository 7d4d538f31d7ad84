"""What registering would do: the endpoint and its steps, each with what differs."""

from dataclasses import dataclass
from uuid import UUID

from shared.dataverse.endpoints import Columns, Endpoint, Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """A column whose value differs from the wanted one."""

    column: str
    found: object
    wanted: object


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the plan; `id` is None if there is no such row yet, `needed` is false for one to delete."""

    kind: Kind
    name: str
    id: UUID | None
    wanted: Columns
    differences: tuple[Difference, ...] = ()
    needed: bool = True

    @property
    def action(self) -> str:
        """Return create, update, delete or keep."""
        if self.id is None:
            return "create"
        if not self.needed:
            return "delete"
        return "update" if self.differences else "keep"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what doubles events: `strangers` are steps on the endpoint that are not ours,
    `others` our endpoints of the other kind. `obsolete` are steps of ours of tables that are not related any
    more. `organization_id`: the organization that posts the events."""

    wanted: Endpoint
    organization_id: UUID
    endpoint: Item
    steps: tuple[Item, ...]
    obsolete: tuple[Item, ...]
    strangers: tuple[str, ...]
    others: tuple[str, ...]
    needs_secret: bool

    @property
    def items(self) -> tuple[Item, ...]:
        """Return the endpoint, then its steps."""
        return (self.endpoint, *self.steps, *self.obsolete)

    @property
    def settled(self) -> bool:
        """Whether everything is registered as wanted."""
        return not self.needs_secret and all(item.action == "keep" for item in self.items)
