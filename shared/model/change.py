"""AccountChange: "check account X again", the body of a message on the queue `account-changes`.

An event is only a hint. The body holds everything that the consumer needs, because a host does not pass on
the metadata of a message reliably.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import AfterValidator, AwareDatetime, Field, NonNegativeInt, TypeAdapter

NO_ACCOUNT = UUID(int=0)  # of a probe; no account has it


class ChangeKind(StrEnum):
    """What happened to the account, as the sender says. Only `delete` matters beyond the log."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    CHECK = "look"


_FORMER_SOURCES = ("probe",)


class Source(StrEnum):
    """Who asks for the check."""

    DATAVERSE_QUEUE = "dataverse-queue"
    WEBHOOK = "webhook"
    BURST = "burst"
    REPLAY = "replay"
    HEAL = "heal"
    LOAD = "backfill"  # the name by which version 1 reads it
    CATCH_UP = "catch-up"
    RECONCILE = "reconcile"
    RELATED = "related"

    @classmethod
    def _missing_(cls, value: object) -> "Source | None":
        """Read a source that only older releases wrote as REPLAY: it is a check that the app started."""
        return cls.REPLAY if value in _FORMER_SOURCES else None


# Dataverse sent the event; all other sources are checks that the app started.
FROM_DATAVERSE = frozenset({Source.DATAVERSE_QUEUE, Source.WEBHOOK})
# What the check is about was committed in Sales before `occurred_at`, by the clock of Sales.
AFTER_COMMIT = frozenset({Source.LOAD, Source.CATCH_UP})
# The check belongs to a walk that looks for it in the account's log.
WALKED = frozenset({Source.LOAD, Source.RELATED})
# Somebody may just have corrected what the check reads, so it must not use a copy in the process.
AFTER_CORRECTION = frozenset({Source.REPLAY, Source.HEAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """One hint about one account.

    `occurred_at` is UTC in full precision. `hop` rises with every send of the same change. `attempt` rises
    only when a call to a system failed. `verify` asks for a comparison with the customer in the ERP. The
    blast-radius guard does not count `approved` changes. `note` says who asked for a check that the app
    started, and why. `no_row`: the sender found no row of the account in AccountSync. `traceparent` is the
    span (W3C) that queued the change first.
    The trace of an event goes on there; that of a check that the app started begins anew and links to it.
    """

    organization_id: UUID
    account_id: UUID
    kind: Annotated[ChangeKind, Field(alias="operation")]
    occurred_at: Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
    source: Source
    operation_id: UUID
    correlation_id: UUID | None = None
    hop: NonNegativeInt = 0
    attempt: NonNegativeInt = 0
    verify: bool = False
    approved: bool = False
    note: str = ""
    no_row: bool = False
    traceparent: str = ""
    schema: Literal[1] = 1

    @property
    def is_probe(self) -> bool:
        """Whether this is a probe: it concerns no account and asks only for an answer."""
        # The source is one that version 1 reads too; Dataverse's events have others, whatever their account.
        return self.account_id == NO_ACCOUNT and self.source is Source.REPLAY

    @property
    def message_id(self) -> str:
        """The id by which the broker detects repeated messages; shorter than the service's 128 characters.

        The operation id alone is not enough: one request in Dataverse can change many accounts, or one
        account twice, under one operation id.
        """
        digest = _digest(self.organization_id, self.operation_id, self.kind, self.occurred_at)
        return f"{self.account_id.hex}.{digest}.{self.hop}"

    def copy(self, *, tried: bool) -> "AccountChange":
        """Return the same change to be sent again. `tried`: a call to a system failed, an attempt."""
        return replace(self, hop=self.hop + 1, attempt=self.attempt + int(tried))

    def check(self, source: Source, *, verify: bool, operation_id: UUID | None = None) -> "AccountChange":
        """Return a new check of the same account. Without `operation_id` the check gets an id of its own."""
        return replace(
            self,
            kind=ChangeKind.CHECK,
            source=source,
            operation_id=operation_id or uuid4(),
            hop=0,
            attempt=0,
            verify=verify,
            approved=False,
            no_row=False,
            note="",
        )


@lru_cache(maxsize=128)  # one delivery asks for it several times
def _digest(organization_id: UUID, operation_id: UUID, kind: ChangeKind, occurred_at: datetime) -> str:
    occurred = occurred_at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = f"{organization_id}|{operation_id}|{kind}|{occurred}"
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


def session_id(account_id: UUID, partitions: int) -> str:
    """Return an account's partition `p00`..`pNN`, which keeps the account's order and limits concurrency."""
    digest = hashlib.blake2b(account_id.bytes, digest_size=8).digest()
    return session_of(int.from_bytes(digest) % partitions)


def session_of(partition: int) -> str:
    """Return the session id of a partition, counted from 0."""
    return f"p{partition:02d}"


def slot_start(moment: datetime, length: timedelta) -> datetime:
    """Return the start of the time slot of this length that contains `moment`; equal on every instance."""
    seconds = length.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


@cache
def _adapter() -> TypeAdapter[AccountChange]:
    return TypeAdapter(AccountChange)


def encode_change(change: AccountChange) -> bytes:
    """The JSON body of the message."""
    return _adapter().dump_json(change, by_alias=True)


def decode_change(body: bytes) -> AccountChange:
    """The change in a message body. Raises ValueError for anything that is not one of schema 1."""
    return _adapter().validate_json(body)
