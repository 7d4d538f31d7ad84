"""Writes the log lines and counts. Logs contain ids and reasons, never names, addresses, tokens, payloads.

Each event and each check ends in exactly one line `intake` or `outcome`, with its fields as attributes of the
record. So the number of lines is the number of endings.
"""

import logging
from functools import cache
from typing import NamedTuple
from uuid import UUID

from opentelemetry.metrics import Counter, get_meter

from shared.model.change import AccountChange
from shared.model.outcome import Outcome

LOGGER = logging.getLogger("account_sync")


class Intake(NamedTuple):
    """How intake handled an event: queued (detail: message id), filtered (rule), rejected (reason)."""

    ending: str
    source: str
    operation_id: UUID | None
    account_id: UUID | None
    detail: str


def log_intake(intake: Intake) -> None:
    """Write one line and one count for an event received."""
    LOGGER.info(
        "intake %s: %s, account %s, operation %s",
        intake.ending,
        intake.detail,
        intake.account_id,
        intake.operation_id,
        extra={
            "event": "intake",
            "ending": intake.ending,
            "detail": intake.detail,
            "source": str(intake.source),
            "account_id": str(intake.account_id),
            "operation_id": str(intake.operation_id),
        },
    )
    _counter("sync.intake").add(1, {"ending": intake.ending, "source": str(intake.source)})


def log_outcome(change: AccountChange, outcome: Outcome) -> None:
    """Write one line and one count for a handled message of `account-changes`."""
    LOGGER.info(
        "outcome %s%s, account %s, operation %s, attempt %d",
        outcome.ending,
        f": {outcome.detail}" if outcome.detail else "",
        change.account_id,
        change.operation_id,
        change.attempt,
        extra={
            "event": "outcome",
            "ending": str(outcome.ending),
            "detail": outcome.detail,
            "source": str(change.source),
            "operation": str(change.kind),
            "account_id": str(change.account_id),
            "operation_id": str(change.operation_id),
            "message_id": change.message_id,
            "first_message_id": first_message_id(change),
            "attempt": change.attempt,
            "hop": change.hop,
            "fields": ",".join(outcome.fields),
            "due": outcome.due.isoformat() if outcome.due else "",
        },
    )
    _counter("sync.outcome").add(1, {"ending": str(outcome.ending), "source": str(change.source)})


def first_message_id(change: AccountChange) -> str:
    """Return the message id under which the change was first queued; it links copies to their event."""
    return change.message_id.rpartition(".")[0] + ".0"


@cache
def _counter(name: str) -> Counter:
    return get_meter("account_sync").create_counter(name)
