"""`sync_account`: one AccountChange from the queue, one session at a time."""

import azure.functions as func

from shared.functions.messages import correlation_id, give_back
from shared.model.change import Source, decode_change
from shared.model.faults import QueueUnavailable, RejectedEvent

blueprint = func.Blueprint()


@blueprint.function_name("sync_account")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="account-changes",
    connection="ServiceBus",
    is_sessions_enabled=True,
    data_type=func.DataType.BINARY,
)
async def sync_account(message: func.ServiceBusMessage) -> None:
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
        await (app.answer_probe.answer() if change.is_probe else app.sync_account.handle(change))
    except QueueUnavailable:
        await give_back(app)
