"""Decides which events need no check: a pure function of the event and the field map."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from shared.intake.dataverse_context import TABLE, DataverseEvent
from shared.model.change import ChangeKind

KINDS = {
    "create": ChangeKind.CREATE,
    "update": ChangeKind.UPDATE,
    "delete": ChangeKind.DELETE,
    "restore": ChangeKind.CREATE,  # a restored record has its old id
}
# Columns that Dataverse adds to every update; they do not say what was changed.
_ALWAYS_THERE = frozenset({"accountid", "modifiedon", "modifiedby", "modifiedonbehalfby"})
_NONE: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Filter:
    """The rules of the filter.

    `watched`: the columns whose change matters. `write_back`: the columns that this app writes into
    Dataverse, as the user `integration_user`. `related`: the columns whose change matters, of each table
    whose rows accounts refer to.
    """

    watched: frozenset[str]
    integration_user: UUID | None = None
    write_back: frozenset[str] = frozenset()
    related: Mapping[str, frozenset[str]] = _NONE

    @property
    def tables(self) -> frozenset[str]:
        """The tables whose events are read at all."""
        return frozenset({TABLE, *self.related})

    def concerns_referring(self, event: DataverseEvent) -> bool:
        """Whether accounts that refer to the row must be checked. None refer to a new or a deleted one."""
        if event.table not in self.related or event.message != "update":
            return False
        return event.attributes is None or bool(event.attributes & self.related[event.table])

    def rule_against(self, event: DataverseEvent) -> str | None:
        """Return the rule that filters out the event; None if the row itself is an account to check."""
        if event.message not in KINDS or (event.table != TABLE and event.message != "update"):
            return "message"
        if event.table != TABLE:
            return "columns"
        if event.message != "update" or event.attributes is None:
            return None
        changed = event.attributes - _ALWAYS_THERE
        if not changed & self.watched:
            return "columns"
        ours = self.integration_user is not None and event.initiating_user_id == self.integration_user
        return "echo" if ours and changed <= self.write_back else None
