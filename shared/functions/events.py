# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The two ways in: `receive_event` from the queue, `receive_webhook` by HTTP."""

import json
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.intake.queue_change import Received

LONGEST_BODY = 256 * 1024
RETRY_SECONDS = 30

blueprint = func.Blueprint()


@blueprint.function_name("receive_event")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="dataverse-events",
    connection="ServiceBus",
    data_type=func.DataType.BINARY,  # bytes, because a body that is not UTF-8 must be stored unchanged
)
async def receive_event(message: func.ServiceBusMessage, context: func.Context) -> None:
    """Take one message that Dataverse's service endpoint posted."""
    from shared.functions.messages import correlation_id, follow_host, give_back
    from shared.model.change import Source
    from shared.model.faults import QueueUnavailable
    from shared.wiring import application

    follow_host(context)
    app = application()
    correlation = correlation_id(message.correlation_id) or correlation_id(message.message_id)
    try:
        await app.queue_change.receive(
            message.get_body(), message.content_type, Source.DATAVERSE_QUEUE, correlation
        )
    except QueueUnavailable:
        await give_back(app)
    finally:
        app.keep_minutes.soon()


@blueprint.function_name("receive_webhook")
@blueprint.route(route="dataverse/events", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def receive_webhook(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Take one event that Dataverse's webhook posted."""
    from shared.functions.messages import correlation_id, follow_host
    from shared.model.change import Source
    from shared.model.faults import QueueUnavailable, RejectedEvent
    from shared.telemetry import LOGGER
    from shared.wiring import application

    follow_host(context)
    correlation = correlation_id(req.headers.get("x-ms-correlation-request-id"))
    body = req.get_body()
    if len(body) > LONGEST_BODY:
        LOGGER.warning("webhook: %d bytes are too many, correlation %s", len(body), correlation)
        return _answer(413, {"status": "rejected", "reason": "too-large"})
    content_type = req.headers.get("content-type", "")
    app = application()
    intake = app.queue_change
    try:
        if content_type.partition(";")[0].strip().lower() != "application/json":
            description = "The content type is not application/json; Dataverse posts webhooks as JSON."
            await intake.reject(body, RejectedEvent("not-json", description), Source.WEBHOOK, correlation)
            return _answer(415, {"status": "rejected", "reason": "not-json", "description": description})
        received = await intake.receive(body, content_type, Source.WEBHOOK, correlation)
    except QueueUnavailable as fault:
        LOGGER.warning("webhook: %s, correlation %s", fault, correlation)
        return _answer(503, {"status": "unavailable"}, {"Retry-After": str(RETRY_SECONDS)})
    finally:
        app.keep_minutes.soon()
    return _answer_to(received)


def _answer_to(received: "Received") -> func.HttpResponse:
    from shared.intake.queue_change import Filtered, Queued

    match received:
        case Queued(operation_id):
            return _answer(202, {"status": "queued", "operation_id": str(operation_id)})
        case Filtered(rule):
            return _answer(200, {"status": "filtered", "rule": rule})
        case _:
            content = {"status": "rejected", "reason": received.reason, "description": received.description}
            return _answer(400, content)


def _answer(status: int, content: dict[str, str], headers: dict[str, str] | None = None) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(content), status_code=status, headers=headers, mimetype="application/json"
    )
