"""Where the span of a check belongs: the trace it goes on in, and the spans that asked for it."""

from opentelemetry.context import Context
from opentelemetry.trace import Link, get_current_span

from shared.model.change import FROM_DATAVERSE, AccountChange, Source
from shared.telemetry import PROPAGATOR, bursts


def origin(change: AccountChange, host: str | None) -> tuple[Context, list[Link]]:
    """Return the parent of the span, and its links to all who asked.

    `host` is the traceparent of the host's invocation.
    """
    asked, invocation = _remote(change.traceparent), _remote(host)
    parent, linked = (Context(), (invocation, asked)) if begins_trace(change) else (asked, (invocation,))
    spans = [get_current_span(each).get_span_context() for each in linked]
    if change.source is Source.BURST:
        spans += bursts.asked_for(change.operation_id)
    return parent, [Link(span) for span in spans if span.is_valid]


def begins_trace(change: AccountChange) -> bool:
    """Return whether the check begins a trace of its own, because no event of Sales led to it."""
    return change.source not in FROM_DATAVERSE and change.hop == 0


def _remote(traceparent: str | None) -> Context:
    return PROPAGATOR.extract({"traceparent": traceparent or ""}, Context())
