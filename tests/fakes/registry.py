"""Dataverse's registration tables in memory, behind the protocol Registry."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from shared.dataverse.endpoints import Columns, Kind, Registered, Scope

_SCOPES = {
    name: Scope(UUID(int=n), UUID(int=n + 10)) for n, name in enumerate(("Create", "Update", "Delete"))
}
ORGANIZATION = UUID("5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5d")  # the simulator's too
_SECRETS = {"saskey": "issaskeyset", "authvalue": "isauthvalueset"}


@dataclass(slots=True)
class FakeRegistry:
    """Implements Registry; `calls` are the writes, `rows` what stands there."""

    rows: dict[Kind, dict[UUID, dict[str, Any]]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    calls: list[tuple[str, Kind, Columns]] = field(default_factory=list[tuple[str, Kind, Columns]])
    failed: int = 0

    async def organization(self) -> UUID:
        return ORGANIZATION

    async def endpoints(self, name: str) -> Sequence[Registered]:
        return [row for row in self._all(Kind.ENDPOINT) if row.name == name]

    async def steps(self, endpoint_id: UUID) -> Sequence[Registered]:
        return [row for row in self._all(Kind.STEP) if row.columns["eventhandler"] == str(endpoint_id)]

    async def scope(self, message: str, table: str) -> Scope:
        assert table == "account"
        return _SCOPES[message]

    async def failed_jobs(self, step_id: UUID) -> int:
        return self.failed

    async def create(self, kind: Kind, columns: Columns, solution: str = "") -> UUID:
        row_id = uuid4()
        self.calls.append((f"create {solution}".strip(), kind, columns))
        self.rows[kind][row_id] = {"statecode": 0, "statuscode": 1, **self._kept(columns)}
        return row_id

    async def update(self, kind: Kind, row_id: UUID, columns: Columns) -> None:
        self.calls.append(("update", kind, columns))
        self.rows[kind][row_id] |= self._kept(columns)

    async def delete(self, kind: Kind, row_id: UUID) -> None:
        self.calls.append(("delete", kind, {}))
        del self.rows[kind][row_id]

    def _all(self, kind: Kind) -> list[Registered]:
        return [Registered(row_id, row["name"], dict(row)) for row_id, row in self.rows[kind].items()]

    @staticmethod
    def _kept(columns: Columns) -> dict[str, Any]:
        """As Dataverse keeps it: links as look-ups, of secrets only that they are set."""
        kept: dict[str, Any] = {}
        for name, value in columns.items():
            if name.endswith("@odata.bind"):
                plain = name.removesuffix("@odata.bind").replace(
                    "eventhandler_serviceendpoint", "eventhandler"
                )
                kept[plain] = str(value).split("(")[1].rstrip(")")
            elif name in _SECRETS:
                kept[_SECRETS[name]] = bool(value)
            else:
                kept[name] = value
        return kept
