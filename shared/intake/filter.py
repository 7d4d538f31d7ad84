"""Decides which events need no check: a pure function of the event and the field map."""

from dataclasses import dataclass
from uuid import UUID

from shared.intake.dataverse_context import DataverseEvent
from shared.model.change import ChangeKind

KINDS = {
    "create": ChangeKind.CREATE,
    "update": ChangeKind.UPDATE,
    "delete": ChangeKind.DELETE,
    "restore": ChangeKind.CREATE,  # a restored record has its old id
}
# Columns that Dataverse adds to every update; they do not say what was changed.
_ALWAYS_THERE = frozenset({"accountid", "modifiedon", "modifiedby", "modifiedonbehalfby"})


@dataclass(frozen=True, slots=True)
class Filter:
    """The rules of the filter.

    `watched`: the columns whose change matters. `write_back`: the columns that this app writes into
    Dataverse, as the user `integration_user`.
    """

    watched: frozenset[str]
    integration_user: UUID | None = None
    write_back: frozenset[str] = frozenset()

    def rule_against(self, event: DataverseEvent) -> str | None:
        """Return the rule that filters out the event; None if the event must be queued."""
        if event.message not in KINDS:
            return "message"
        if event.message != "update" or event.attributes is None:
            return None
        changed = event.attributes - _ALWAYS_THERE
        if not changed & self.watched:
            return "columns"
        ours = self.integration_user is not None and event.initiating_user_id == self.integration_user
        return "echo" if ours and changed <= self.write_back else None
