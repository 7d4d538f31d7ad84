"""What version 1 reads with: copies of its `decode_state` and `decode_change`.

During an upgrade or a rollback both versions work on the same tables and queues, so these must read what this
version writes. Do not change them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, NonNegativeInt, TypeAdapter


class CustomerKey(NamedTuple):
    company: str
    number: str
    by: str = ""


class Phase(StrEnum):
    SYNCED = "synced"
    FILTERED = "filtered"
    DELETED = "deleted"
    PARKED = "parked"
    RETRYING = "retrying"


class Lease(NamedTuple):
    owner: UUID
    until: datetime


class LogEntry(NamedTuple):
    at: str
    outcome: str
    detail: str
    source: str
    operation: str
    operation_id: str
    attempt: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    account_id: UUID
    organization_id: UUID
    phase: Phase | None
    customer: CustomerKey | None
    intent: CustomerKey | None
    currency_key: str | None
    issue: str | None
    previous_hold: str | None
    deleted: bool
    version: int | None
    read_at: datetime | None
    confirmed: Mapping[str, str]
    fingerprint_key: str
    doubtful_until: datetime | None
    lease: Lease | None
    log: tuple[LogEntry, ...]


def decode_log(text: str) -> tuple[LogEntry, ...]:
    return tuple(LogEntry(*entry) for entry in json.loads(text))


def decode_state(entity: Mapping[str, Any]) -> SyncState:
    """The state in an entity."""
    owner, phase, version = entity.get("LeaseOwner"), entity.get("Phase"), entity.get("Version")
    return SyncState(
        account_id=UUID(entity["PartitionKey"]),
        organization_id=UUID(entity["OrganizationId"]),
        phase=Phase(phase) if phase else None,
        customer=_decode_key(entity, "Company", "CustomerAccount"),
        intent=_decode_key(entity, "IntendedCompany", "IntendedCustomerAccount"),
        currency_key=entity.get("CurrencyKey"),
        issue=entity.get("Issue"),
        previous_hold=entity.get("PreviousHold"),
        deleted=bool(entity.get("Deleted")),
        version=None if version is None else int(getattr(version, "value", version)),
        read_at=_moment(entity.get("ReadAt")),
        confirmed=json.loads(entity["Confirmed"]),
        fingerprint_key=entity.get("FingerprintKey", ""),
        doubtful_until=_moment(entity.get("DoubtfulUntil")),
        lease=Lease(UUID(owner), datetime.fromisoformat(entity["LeaseUntil"])) if owner else None,
        log=decode_log(entity["Log"]),
    )


def _decode_key(entity: Mapping[str, Any], company: str, number: str) -> CustomerKey | None:
    if number not in entity:
        return None
    return CustomerKey(entity[company], entity[number], entity.get(f"{number}By", ""))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


class Operation(StrEnum):
    """What is said to have happened. Only `delete` has a meaning beyond the log."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    LOOK = "look"


class Source(StrEnum):
    """Who asks for the look."""

    DATAVERSE_QUEUE = "dataverse-queue"
    WEBHOOK = "webhook"
    BURST = "burst"
    BACKFILL = "backfill"
    CATCH_UP = "catch-up"
    RECONCILE = "reconcile"
    REPLAY = "replay"
    HEAL = "heal"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """One hint about one account.

    `occurred_at` is UTC in full precision; `hop` rises with every send of the same change, whatever the
    reason; `attempt` only when a system was really tried and failed; `verify` asks for a comparison with
    what stands in Operations; `approved` changes are not counted by the blast-radius guard; `note` says who
    asked for a look of ours, and why.
    """

    organization_id: UUID
    account_id: UUID
    operation: Operation
    occurred_at: AwareDatetime
    source: Source
    operation_id: UUID
    correlation_id: UUID | None = None
    hop: NonNegativeInt = 0
    attempt: NonNegativeInt = 0
    verify: bool = False
    approved: bool = False
    note: str = ""
    schema: Literal[1] = 1


@cache
def _adapter() -> TypeAdapter[AccountChange]:
    return TypeAdapter(AccountChange)


def decode_change(body: bytes) -> AccountChange:
    """The change in a message body. Raises ValueError for anything that is not one of schema 1."""
    change = _adapter().validate_json(body)
    return replace(change, occurred_at=change.occurred_at.astimezone(UTC))
