"""`sync_account`: one AccountChange from the queue, one session at a time."""

from dataclasses import replace

import azure.functions as func

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
    from opentelemetry.trace import SpanKind

    from shared.functions.messages import correlation_id, give_back
    from shared.model.change import Source, decode_change
    from shared.model.faults import QueueUnavailable, RejectedEvent
    from shared.telemetry import SPAN, current_traceparent
    from shared.telemetry.origin import begins_trace, origin
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
        parent, links = origin(change, context.trace_context.trace_parent)
        with SPAN("sync_account", parent, kind=SpanKind.CONSUMER, links=links):
            if begins_trace(change):  # its copies go on in the trace that begins here
                change = replace(change, traceparent=current_traceparent() or change.traceparent)
            await (app.answer_probe.answer() if change.is_probe else app.sync_account.handle(change))
    except QueueUnavailable:
        await give_back(app)
    finally:
        app.keep_minutes.soon()
