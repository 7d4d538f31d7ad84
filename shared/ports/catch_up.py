"""What catch-up needs from outside."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.model.catch_up import CatchUpState, ChangePage, KnownAccount, Noted, Refusal, Request
from shared.model.state import Page


class AccountChanges(Protocol):
    """The accounts of Sales by what changed; only ids and versions are read."""

    # The first page of all accounts; the last page has a link to what changes from now on.
    async def begin(self) -> ChangePage | Refusal: ...
    # The page behind a link. `tracked`: it belongs to a read of all accounts.
    async def follow(self, link: str, *, tracked: bool) -> ChangePage | Refusal: ...
    # The first page of the accounts modified since then, or of all. It names no deleted account.
    async def modified_since(self, moment: datetime | None) -> ChangePage | Refusal: ...
    # Those of these accounts that Sales has, in few requests.
    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]: ...
    # The id of the organization.
    async def organization(self) -> UUID: ...


class KnownAccounts(Protocol):
    """The table AccountSync, read for versions only."""

    # What is known of these accounts, in few requests; accounts without a state are left out.
    async def of(self, account_ids: Collection[UUID]) -> Mapping[UUID, KnownAccount]: ...
    # All accounts that were not found deleted, page by page in the order of their ids.
    async def present(self, after: str) -> Page[KnownAccount]: ...


class CatchUpNotes(Protocol):
    """What catch-up stores in the table Control."""

    # The state and the last request, in one request.
    async def read(self) -> Noted: ...
    # Replace the state that has this ETag, or insert it if the ETag is None. Returns the new ETag.
    # Raises StateConflict if another run was faster.
    async def write(self, state: CatchUpState, etag: str | None) -> str: ...
    # Store a person's request in place of an earlier one.
    async def ask(self, request: Request) -> None: ...
