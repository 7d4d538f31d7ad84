"""The state of one account: one entity of the table AccountSync with one ETag, so every change is atomic."""

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
NO_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Phase(StrEnum):
    """How the last check of the account ended."""

    SYNCED = "synced"
    FILTERED = "filtered"
    DELETED = "deleted"
    PARKED = "parked"
    RETRYING = "retrying"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one invocation to write, until a time after that invocation's own deadline."""

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

    `customer`: the account's customer in the ERP. `intent`: the number of a creation that is not known to
    have ended, or an old number that must still be released. `begun`: one keyed hash of all fields for each
    creation that was sent and whose outcome is unknown; a customer with these values is ours. `confirmed`: a
    short keyed hash of each mapped field as last read from the ERP or written to it, made with the key
    `fingerprint_key`. `replaced`: the hash of the value sent, for each field where the ERP keeps another
    value instead. `unknown_until`: until then a request whose answer was lost may still commit, so no
    value counts as confirmed; only a read of the customer after that time clears it. `previous_hold`: set
    while we block the customer, to the value that a release restores. `deleted`: Dataverse reported the
    deletion, and the account was not read since. `retrying_since`: when the first of the current attempts was
    made. `currency_key`: the key of its currency in the mapping table. `mapped_keys`: for each field that
    goes through another mapping table, the keys under which its value is looked up. `field_map`: the
    fingerprint of the field map under which the account was last found in step with its customer.
    `last_attempt`: its steps, encoded as `shared/model/attempt.py` says.
    """

    account_id: UUID
    organization_id: UUID
    phase: Phase | None = None
    customer: CustomerKey | None = None
    intent: CustomerKey | None = None
    begun: tuple[str, ...] = ()
    currency_key: str | None = None
    mapped_keys: Mapping[str, tuple[str, ...]] = NO_KEYS
    issue: str | None = None
    previous_hold: str | None = None
    deleted: bool = False
    version: int | None = None
    read_at: datetime | None = None
    confirmed: Mapping[str, str] = NOTHING
    fingerprint_key: str = ""
    field_map: str = ""
    replaced: Mapping[str, str] = NOTHING
    unknown_until: datetime | None = None
    retrying_since: datetime | None = None
    lease: Lease | None = None
    log: tuple[LogEntry, ...] = ()
    last_attempt: str = ""

    @property
    def settled(self) -> bool:
        """Whether the last check ended without a problem, with no lease and no unknown outcome left."""
        return (
            self.phase in {Phase.SYNCED, Phase.FILTERED, Phase.DELETED}
            and self.lease is None
            and self.unknown_until is None
        )

    def logged(self, entry: LogEntry) -> "SyncState":
        """Return the state with one more log line, without old lines that do not fit a table property."""
        log = (*self.log, entry)[-LOG_ENTRIES:]
        while len(log) > 1 and len(encode_log(log)) > LOG_CHARACTERS:
            log = log[1:]
        return replace(self, log=log)


def forgotten(state: SyncState) -> SyncState:
    """Return the state without the customer, which the ERP does not have any more."""
    return replace(state, customer=None, previous_hold=None, confirmed={}, replaced={})


def in_this_erp(state: SyncState, adopted_at: datetime | None) -> SyncState:
    """Return the state without a customer that is in the ERP that was in use before `adopted_at`."""
    if adopted_at is None or state.read_at is None or state.read_at >= adopted_at:
        return state
    return replace(forgotten(state), intent=None, begun=(), unknown_until=None)


def referred_to(state: SyncState | None) -> CustomerKey | None:
    """Return the customer to which other accounts may refer: that of an account that is not deleted."""
    if state is None or state.deleted or state.customer is None or state.customer.by:
        return None
    return state.customer


@dataclass(frozen=True, slots=True)
class Stored:
    """A state with the ETag of its row; without an ETag the row does not exist yet."""

    state: SyncState
    etag: str | None = field(default=None)


def encode_log(log: tuple[LogEntry, ...]) -> str:
    """Encode the log as JSON."""
    return json.dumps(log, ensure_ascii=False, separators=(",", ":"))


def decode_log(text: str) -> tuple[LogEntry, ...]:
    """Decode a log that `encode_log` wrote."""
    return tuple(LogEntry(*entry) for entry in json.loads(text))


class ScannedAccount(NamedTuple):
    """What healing must know about an account; `keys`: its keys in the mapping table that was asked for."""

    account_id: UUID
    organization_id: UUID
    keys: tuple[str, ...]
    issue: str
    read_at: datetime | None

    @classmethod
    def of(cls, state: SyncState) -> Self:
        """Take these values from a whole state, without keys."""
        return cls(state.account_id, state.organization_id, (), state.issue or "", state.read_at)


class Page[T](NamedTuple):
    """Rows of a table, and the position of the next page; "" after the last one.

    A page can be empty although it is not the last.
    """

    rows: Sequence[T]
    after: str
