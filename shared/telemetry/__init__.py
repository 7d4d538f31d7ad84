"""Writes the log lines, counts, and names the spans. All contain ids and reasons, never names, addresses,
tokens, payloads.

Each event and each check ends in exactly one line `intake` or `outcome`, with its fields as attributes of the
record and of the span. So the number of lines is the number of endings. Lines leave the process through the
host; spans and metrics through `shared/telemetry/export.py`, and nowhere until that is loaded.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.model.change import FROM_DATAVERSE, AccountChange, Source
from shared.model.outcome import Ending, Outcome
from shared.telemetry import bursts
from shared.telemetry.activity import COUNTED
from shared.telemetry.metrics import INTAKE, LAG, OUTCOME
from shared.telemetry.spans import SPAN as SPAN
from shared.telemetry.spans import attempted as attempted
from shared.telemetry.spans import last_attempt as last_attempt

LOGGER = logging.getLogger("account_sync")
PROPAGATOR = TraceContextTextMapPropagator()

_WRITTEN = frozenset({Ending.CREATED, Ending.UPDATED})


class Intake(NamedTuple):
    """How intake handled an event: queued, related (detail: message id), filtered (rule), rejected (reason).

    `related`: no account was changed, but a row that accounts refer to, and they are checked.
    """

    ending: str
    source: str
    operation_id: UUID | None
    account_id: UUID | None
    detail: str


def quieten_sdks() -> None:
    """Silence the SDKs' own request logs, which would hold addresses and keys."""
    for name in ("httpx", "httpcore", "azure"):
        logging.getLogger(name).setLevel(logging.WARNING)


def log_intake(intake: Intake) -> None:
    """Write one line and one count for an event received."""
    fields = {
        "event": "intake",
        "ending": intake.ending,
        "detail": intake.detail,
        "source": str(intake.source),
        "account_id": str(intake.account_id),
        "operation_id": str(intake.operation_id),
    }
    LOGGER.info(
        "intake %s: %s, account %s, operation %s",
        intake.ending,
        intake.detail,
        intake.account_id,
        intake.operation_id,
        extra=fields,
    )
    get_current_span().set_attributes(fields)
    INTAKE.note(ending=intake.ending, source=str(intake.source))
    COUNTED.intake(str(intake.source), intake.ending)


def log_outcome(change: AccountChange, outcome: Outcome, now: datetime) -> None:
    """Write one line and one count for a handled message of `account-changes`, and the lag of a write."""
    fields: Mapping[str, str | int] = {
        "event": "outcome",
        "ending": str(outcome.ending),
        "detail": outcome.detail,
        "source": str(change.source),
        "operation": str(change.kind),
        "account_id": str(change.account_id),
        "operation_id": str(change.operation_id),
        "correlation_id": str(change.correlation_id),
        "message_id": change.message_id,
        "first_message_id": first_message_id(change),
        "attempt": change.attempt,
        "hop": change.hop,
        "fields": ",".join(outcome.fields),
        "due": outcome.due.isoformat() if outcome.due else "",
    }
    LOGGER.info(
        "outcome %s%s, account %s, operation %s, attempt %d",
        outcome.ending,
        f": {outcome.detail}" if outcome.detail else "",
        change.account_id,
        change.operation_id,
        change.attempt,
        extra=fields,
    )
    get_current_span().set_attributes(fields)
    cause = outcome.detail if outcome.ending is Ending.PARKED else ""
    OUTCOME.note(ending=str(outcome.ending), source=str(change.source), cause=cause)
    COUNTED.outcome(str(change.source), outcome.ending)
    if outcome.ending in _WRITTEN and change.source in {*FROM_DATAVERSE, Source.BURST}:
        seconds = max(0.0, (now - change.occurred_at).total_seconds())
        LAG.note(seconds, source=str(change.source))
        COUNTED.lag(seconds)


def first_message_id(change: AccountChange) -> str:
    """Return the message id under which the change was first queued; it links copies to their event."""
    return change.message_id.rpartition(".")[0] + ".0"


def traced(change: AccountChange) -> AccountChange:
    """Return the change, before it is queued, with the span that asks for it, unless it has one already."""
    if change.source is Source.BURST and change.hop == 0:  # the broker keeps one of these for the whole burst
        span = get_current_span()
        span.set_attribute("burst_operation_id", str(change.operation_id))
        bursts.asks(change.operation_id, span.get_span_context())
    return change if change.traceparent else replace(change, traceparent=current_traceparent())


def current_traceparent() -> str:
    """Return the current span as a W3C traceparent, or "" if there is none."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")
