"""What the report on waiting work and the probe need from outside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class WaitingPage(NamedTuple):
    """A page of a scan: since when each account found is unsettled, and where the scan goes on."""

    since: Sequence[datetime]
    next: object | None


class WaitingWork(Protocol):
    """Accounts that wait, from the table AccountSync, and since when systems are left alone, from Control."""

    async def page(self, after: object | None) -> WaitingPage:
        """Read one page, with one request: accounts that are retrying or whose outcome is unknown."""
        ...

    async def systems(self) -> Mapping[str, datetime]:
        """Tell since when each system is known to be left alone."""
        ...

    async def remember(self, systems: Mapping[str, datetime]) -> None:
        """Note systems that are left alone from now on."""
        ...

    async def forget(self, systems: Collection[str]) -> None:
        """Remove systems that were noted and are in use again."""
        ...


class Answered(NamedTuple):
    """When `sync_account` last answered a probe, and the build that did."""

    at: datetime
    build: str


class ProbeAnswers(Protocol):
    """The row of the probe in the table Control."""

    async def last(self) -> Answered | None:
        """Read the last answer."""
        ...

    async def put(self, answered: Answered) -> None:
        """Write an answer over the last one."""
        ...
