"""AccountChange: "look at account X again", the body of a message on the queue `account-changes`.

An event is only a hint. Everything that the consumer needs is in the body, because the metadata that a
host passes on beside a message is not dependable.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, Field, NonNegativeInt, TypeAdapter

NO_ACCOUNT = UUID(int=0)  # of a probe; no account has it


class ChangeKind(StrEnum):
    """What is said to have happened. Only `delete` has a meaning beyond the log."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    CHECK = "look"


_FORMER_SOURCES = ("backfill", "catch-up", "reconcile")


class Source(StrEnum):
    """Who asks for the look."""

    DATAVERSE_QUEUE = "dataverse-queue"
    WEBHOOK = "webhook"
    BURST = "burst"
    REPLAY = "replay"
    HEAL = "heal"
    PROBE = "probe"

    @classmethod
    def _missing_(cls, value: object) -> "Source | None":
        """A source of messages that older releases left in the queue: each is a check that we started."""
        return cls.REPLAY if value in _FORMER_SOURCES else None


# Dataverse itself sent the event, as against a check that we started.
FROM_DATAVERSE = frozenset({Source.DATAVERSE_QUEUE, Source.WEBHOOK})
# Somebody may just have put right what the check will read: no copy of it will do.
AFTER_CORRECTION = frozenset({Source.REPLAY, Source.HEAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """One hint about one account.

    `occurred_at` is UTC in full precision; `hop` rises with every send of the same change, whatever the
    reason; `attempt` only when a system was really tried and failed; `verify` asks for a comparison with
    what stands in the ERP; `approved` changes are not counted by the blast-radius guard; `note` says who
    asked for a look of ours, and why.
    """

    organization_id: UUID
    account_id: UUID
    kind: Annotated[ChangeKind, Field(alias="operation")]
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

    @property
    def is_probe(self) -> bool:
        """Whether it concerns no account and asks only for an answer."""
        return self.account_id == NO_ACCOUNT and self.source is Source.PROBE

    @property
    def message_id(self) -> str:
        """What the broker detects repeats by; under the service's limit of 128 characters.

        One request in Dataverse can change many accounts, or one account twice, under one operation id,
        so that alone would not do.
        """
        occurred = self.occurred_at.astimezone(UTC).isoformat(timespec="microseconds")
        parts = f"{self.organization_id}|{self.operation_id}|{self.kind}|{occurred}"
        digest = hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
        return f"{self.account_id.hex}.{digest}.{self.hop}"

    def copy(self, *, tried: bool) -> "AccountChange":
        """The same change to be sent again; `tried` when a system was really tried and failed."""
        return replace(self, hop=self.hop + 1, attempt=self.attempt + int(tried))

    def check(self, source: Source, *, verify: bool, operation_id: UUID | None = None) -> "AccountChange":
        """A look of our own at the same account; without `operation_id` it is one of a kind."""
        return replace(
            self,
            kind=ChangeKind.CHECK,
            source=source,
            operation_id=operation_id or uuid4(),
            hop=0,
            attempt=0,
            verify=verify,
            approved=False,
            note="",
        )


def session_id(account_id: UUID, partitions: int) -> str:
    """The partition `p00`..`pNN` of an account: at once its order guarantee and the cap on concurrency."""
    digest = hashlib.blake2b(account_id.bytes, digest_size=8).digest()
    return f"p{int.from_bytes(digest) % partitions:02d}"


def slot_start(moment: datetime, length: timedelta) -> datetime:
    """The start of the `length` long slot of time that `moment` lies in; equal on every instance."""
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
    change = _adapter().validate_json(body)
    return replace(change, occurred_at=change.occurred_at.astimezone(UTC))
