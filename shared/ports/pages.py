"""What a run that walks many accounts page by page needs from outside."""

from datetime import datetime
from typing import NamedTuple, Protocol

from shared.model.page import PageDue, RunKind


class StoredRun(NamedTuple):
    """A run as the table Control stores it: a JSON text of at most 32,000 characters, and the row's ETag."""

    document: str
    etag: str


class Runs(Protocol):
    """The newest run of each kind, in the table Control."""

    # The newest run of this kind, if there was one.
    async def read(self, kind: RunKind) -> StoredRun | None: ...
    # Replace the document that has this ETag, or insert it if the ETag is None. Returns the new ETag.
    # Raises StateConflict if another writer was faster.
    async def write(self, kind: RunKind, document: str, etag: str | None) -> str: ...


class PageQueue(Protocol):
    """The queue `load-pages`."""

    # Send a page that appears at `due`. Raises QueueUnavailable.
    async def send(self, page: PageDue, due: datetime | None = None) -> None: ...
