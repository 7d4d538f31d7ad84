"""`sync_account`: one AccountChange from the queue, one session at a time."""

from dataclasses import replace

import azure.functions as func
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, get_current_span

from shared.functions.messages import correlation_id, give_back
from shared.model.change import FROM_DATAVERSE, AccountChange, Source, decode_change
from shared.model.faults import QueueUnavailable, RejectedEvent
from shared.telemetry import PROPAGATOR, SPAN, bursts, current_traceparent

blueprint = func.Blueprint()


@blueprint.function_name("sync_account")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="account-changes",
    connection="ServiceBus",
    is_sessions_enabled=True,
    data_type=func.DataType.BINARY,
)
async def sync_account(message: func.ServiceBusMessage, context: func.Context) -> None:
    """Handle one change. After a fault, the change is queued again or parked before this returns."""
    from shared.wiring import application

    app = application()
    body = message.get_body()
    try:
        try:
            change = decode_change(body)
        except ValueError:
            fault = RejectedEvent("not-an-account-change", "Only this app writes to account-changes.")
            await app.queue_change.reject(body, fault, Source.REPLAY, correlation_id(message.correlation_id))
            return
        parent, links = _origin(change, context)
        with SPAN("sync_account", parent, kind=SpanKind.CONSUMER, links=links):
            if _begins_trace(change):  # its copies go on in the trace that begins here
                change = replace(change, traceparent=current_traceparent() or change.traceparent)
            await (app.answer_probe.answer() if change.is_probe else app.sync_account.handle(change))
    except QueueUnavailable:
        await give_back(app)
    finally:
        app.keep_minutes.soon()


def _origin(change: AccountChange, context: func.Context) -> tuple[Context, list[Link]]:
    """Return the parent of the span, and its links: to the host's invocation and to all who asked."""
    asked, host = _remote(change.traceparent), _remote(context.trace_context.trace_parent)
    parent, linked = (Context(), (host, asked)) if _begins_trace(change) else (asked, (host,))
    spans = [get_current_span(each).get_span_context() for each in linked]
    if change.source is Source.BURST:
        spans += bursts.asked_for(change.operation_id)
    return parent, [Link(span) for span in spans if span.is_valid]


def _begins_trace(change: AccountChange) -> bool:
    return change.source not in FROM_DATAVERSE and change.hop == 0


def _remote(traceparent: str | None) -> Context:
    return PROPAGATOR.extract({"traceparent": traceparent or ""}, Context())
