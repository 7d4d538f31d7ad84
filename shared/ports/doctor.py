"""What the doctor needs from outside. Nothing here writes to Sales or the ERP.

Every method may raise `TransientFault` and `ConfigurationFault`; `NotPermitted` where a right is missing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.model.diagnosis import Diagnosis
from shared.model.observed import EventRegistration, QueueProperties, TokenClaims, WhoAmI
from shared.model.state import Page

type ReadClaims = Callable[[], Awaitable[TokenClaims | None]]
"""The claims of a new token for one system; None for a token that cannot be read, such as the stand's."""

type ReadTime = Callable[[], Awaitable[datetime | None]]
"""The time by the clock of one system; None if it does not say."""


class Standing(NamedTuple):
    """What there is to know before a check, from one read of a row.

    `request` is the newest request of a person, `answered` the one that the kept diagnosis answers.
    `etag` is None if there is no row.
    """

    at: datetime | None = None
    build: str = ""
    request: str = ""
    answered: str = ""
    leased_until: datetime | None = None
    etag: str | None = None


class Reply(NamedTuple):
    """The status of an answer, and its Content-Security-Policy."""

    status: int
    policy: str


class FrontDoor(Protocol):
    """The app's own address, from outside."""

    # Ask for this path, which is not normalised, with these headers; None if there is no answer.
    async def ask(self, path: str, headers: Mapping[str, str]) -> Reply | None: ...


class Diagnoses(Protocol):
    """The doctor's row in the table Control: its newest diagnosis, a lease, and a request of a person."""

    async def standing(self) -> Standing: ...
    # Take the lease, if the row is as it was read. Raises StateConflict.
    async def lease(self, until: datetime, standing: Standing) -> None: ...
    # Keep the diagnosis, and end the lease.
    async def keep(self, diagnosis: Diagnosis, answered: str) -> None: ...
    # The newest diagnosis, if there is one.
    async def newest(self) -> Diagnosis | None: ...
    # Ask for a new one.
    async def ask(self, request: str) -> None: ...


class TableAccess(Protocol):
    """The app's tables."""

    # Their names.
    @property
    def names(self) -> Sequence[str]: ...
    # Read a row of this table, which need not exist.
    async def read(self, table: str) -> None: ...
    # Write a row into the table Control and delete it again; the time by the service's clock.
    async def write(self) -> datetime | None: ...


class QueueSettings(Protocol):
    """The properties of the queues."""

    # The queue's properties; None if there is no queue of this name.
    async def read(self, queue: str) -> QueueProperties | None: ...


class QueueAccess(Protocol):
    """What the app may do with its queues; no message is sent or taken."""

    # Open a link for sending to this queue.
    async def send(self, queue: str) -> None: ...
    # Open a link for receiving from this queue, which has no sessions.
    async def receive(self, queue: str) -> None: ...


class Organization(Protocol):
    """The Sales environment itself."""

    async def who(self) -> WhoAmI: ...
    # Whether change tracking is on for accounts; None if Dataverse does not say.
    async def tracks_changes(self) -> bool | None: ...
    # Whether this column of an account can be updated; None if there is no such column.
    async def updatable(self, column: str) -> bool | None: ...


class WrittenAccounts(Protocol):
    """The accounts that are in step with their customers."""

    # The fingerprints of the field maps under which they were last checked, page by page; "" if not noted.
    async def page(self, after: str) -> Page[str]: ...


class Registrations(Protocol):
    """What is registered with Dataverse to post events."""

    # Each endpoint of ours that exists.
    async def read(self) -> Sequence[EventRegistration]: ...
