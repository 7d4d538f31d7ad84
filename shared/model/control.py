"""What the table Control stores between two runs, besides breakers and allowances."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Handled(NamedTuple):
    """The version of a mapping row that healing handles or has handled.

    `first_scan_at`: when the version was first seen. `done` is set after the second scan of the accounts.
    `scan` is the name of the bookmark of the row's current scan.
    """

    version: str
    first_scan_at: datetime
    done: bool
    scan: str = ""


class Bookmark(NamedTuple):
    """The progress of one part of healing: when it began, its stage, and where the next page begins.

    The next page begins after the key `start`. `due` is the due time of the next check.
    """

    at: datetime
    stage: str = ""
    after: str = ""
    start: str = ""
    due: datetime | None = None


class Answered(NamedTuple):
    """When `sync_account` last answered a probe, and the build that did."""

    at: datetime
    build: str


class Untaken(NamedTuple):
    """Changes wait and no check ends: since when, and in words what to do, once that has lasted for long."""

    since: datetime
    told: str = ""


@dataclass(frozen=True, slots=True)
class InUse:
    """The ERP in which the accounts' customers are: its host, and its environment and company where named.

    `adopted_at` is when a person confirmed it in place of another one.
    """

    target: str
    host: str = ""
    environment: str = ""
    company: str = ""
    adopted_at: datetime | None = None

    def same_as(self, other: "InUse") -> bool:
        """Whether both are the same ERP."""
        return self._place == other._place

    @property
    def _place(self) -> tuple[str, ...]:
        return tuple(part.casefold() for part in (self.target, self.host, self.environment, self.company))

    def __str__(self) -> str:
        """As people read it: target, address and company."""
        company = f", company {self.company}" if self.company else ""
        return f"{self.target} ({self.host}{self.environment}{company})" if self.host else self.target
