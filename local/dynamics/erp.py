"""What the simulators need of a simulated ERP, whichever it is.

The service answers calls; rows and settings enter through the control endpoint and leave through it.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from local.dynamics.calls import Answer, Call, Service
from local.dynamics.metadata import Planted

type Row = dict[str, Any]


class SimulatedErp(Protocol):
    """One ERP: its service answers every call below one of `prefixes`."""

    @property
    def name(self) -> str:
        """The name of the target that writes into it; it stands in faults, logs and the state."""
        ...

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The paths of the service's roots, without a trailing slash."""
        ...

    @property
    def planted(self) -> Planted:
        """The faults of its metadata."""
        ...

    @property
    def path(self) -> str:
        """What a client adds to the address of the host: empty or a path."""
        ...

    @property
    def service(self) -> Service:
        """What answers the calls."""
        ...

    def place(self, call: Call, /) -> AbstractAsyncContextManager[Answer | None]:
        """Hold a place for a request while it is worked on; yields the answer if there is none."""
        ...

    def authorization(self, token: str) -> str:
        """Return the Authorization header that is let in."""
        ...

    def seed(self, rows: object) -> None:
        """Write rows, over those that are there; raise `ValueError` for one that does not fit."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all rows by kind, as the service shows them; `customers` is one kind."""
        ...

    def reset(self) -> None:
        """Empty all kinds."""
        ...

    def change(self, settings: object) -> None:
        """Put settings of its own into effect; raise `ValueError` for one that it does not have."""
        ...


def key_of(erp: SimulatedErp) -> str:
    """The name under which its rows, its settings and its address stand in JSON."""
    return erp.name.replace("-", "_")


@asynccontextmanager
async def any_number(_call: Call) -> AsyncGenerator[Answer | None]:
    """Hold no place: all requests are worked on at once."""
    yield None
