"""What is known of one account: one entity of the table AccountSync, one ETag, every change atomic."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Self
from uuid import UUID

from shared.model.customer import CustomerKey

LOG_ENTRIES = 20
LOG_CHARACTERS = 16_000
NOTHING: Mapping[str, str] = MappingProxyType({})


class Phase(StrEnum):
    """Where the account stands."""

    SYNCED = "synced"
    FILTERED = "filtered"
    DELETED = "deleted"
    PARKED = "parked"
    RETRYING = "retrying"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is writing: one invocation, until a moment that lies behind its own deadline."""

    owner: UUID
    until: datetime


class LogEntry(NamedTuple):
    """One line of the account's own history; ids and reasons, no personal data."""

    at: str
    outcome: str
    detail: str
    source: str
    kind: str
    operation_id: str
    attempt: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """The account's state.

    `customer` is the customer known to stand in the ERP; `intent` the one whose creation was begun and
    of which no more is known. `begun` holds one keyed hash of the whole body for each creation that was sent
    and whose outcome is unknown: a customer with these values is ours. `confirmed` holds a short keyed hash
    per mapped field as last seen or written there, under `fingerprint_key`. While `unknown_until` is set, a
    request whose answer was lost may still commit, so nothing counts as confirmed; only a look made after
    that moment clears it. `previous_hold` is set while we hold the customer: the value to go back to.
    `deleted`: Dataverse said so, and the account was not seen since. `retrying_since`: when the attempts that
    still go on began.
    """

    account_id: UUID
    organization_id: UUID
    phase: Phase | None = None
    customer: CustomerKey | None = None
    intent: CustomerKey | None = None
    begun: tuple[str, ...] = ()
    currency_key: str | None = None
    issue: str | None = None
    previous_hold: str | None = None
    deleted: bool = False
    version: int | None = None
    read_at: datetime | None = None
    confirmed: Mapping[str, str] = NOTHING
    fingerprint_key: str = ""
    unknown_until: datetime | None = None
    retrying_since: datetime | None = None
    lease: Lease | None = None
    log: tuple[LogEntry, ...] = ()

    @property
    def settled(self) -> bool:
        """Nothing is under way, open or doubtful."""
        return (
            self.phase in {Phase.SYNCED, Phase.FILTERED, Phase.DELETED}
            and self.lease is None
            and self.unknown_until is None
        )

    def logged(self, entry: LogEntry) -> "SyncState":
        """The state with one more line in its log, which stays short enough for one table property."""
        log = (*self.log, entry)[-LOG_ENTRIES:]
        while len(log) > 1 and len(encode_log(log)) > LOG_CHARACTERS:
            log = log[1:]
        return replace(self, log=log)


@dataclass(frozen=True, slots=True)
class Stored:
    """A state with the ETag under which it may be replaced; no ETag: it does not exist yet."""

    state: SyncState
    etag: str | None = field(default=None)


def encode_log(log: tuple[LogEntry, ...]) -> str:
    """The log as JSON."""
    return json.dumps(log, ensure_ascii=False, separators=(",", ":"))


def decode_log(text: str) -> tuple[LogEntry, ...]:
    """The log as `encode_log` wrote it."""
    return tuple(LogEntry(*entry) for entry in json.loads(text))


class ScannedAccount(NamedTuple):
    """What healing has to know of an account."""

    account_id: UUID
    organization_id: UUID
    currency_key: str
    issue: str
    read_at: datetime | None

    @classmethod
    def of(cls, state: SyncState) -> Self:
        """The same of a whole state."""
        key, issue = state.currency_key or "", state.issue or ""
        return cls(state.account_id, state.organization_id, key, issue, state.read_at)


class Page[T](NamedTuple):
    """Rows of a table, and where the next page begins; "" at the end.

    A page can be empty although it is not the last.
    """

    rows: Sequence[T]
    after: str
