"""What the simulators need of a simulated ERP, whichever it is.

The service answers calls; rows and settings enter through the control endpoint and leave through it. One
process runs Dataverse and one ERP.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from local.dynamics.calls import Service

type Row = dict[str, Any]


class SimulatedErp(Protocol):
    """One ERP; `service` answers every call below `prefix`, `name` stands in faults, logs and addresses."""

    @property
    def name(self) -> str:
        """The name of the target that writes into it."""
        ...

    @property
    def prefix(self) -> str:
        """The path of the service's root, without a trailing slash; empty for the root of the host."""
        ...

    @property
    def service(self) -> Service:
        """What answers the calls."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of rows that can be seeded and read, customers among them."""
        ...

    def authorization(self, token: str) -> str:
        """Return the Authorization header that is let in."""
        ...

    def put(self, kind: str, row: Row) -> None:
        """Write a row, over one that is there; raise `ValueError` for one that does not fit."""
        ...

    def rows(self, kind: str) -> list[Row]:
        """Return the rows of a kind as the service shows them."""
        ...

    def clear(self) -> None:
        """Empty all kinds."""
        ...

    def change(self, settings: Mapping[str, Any]) -> None:
        """Put settings of its own into effect; raise `ValueError` for one that it does not have."""
        ...
