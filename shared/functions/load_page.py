"""`load_page`: one page of a run that walks many accounts."""

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("load_page")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="load-pages",
    connection="ServiceBus",
    data_type=func.DataType.BINARY,
)
async def load_page(message: func.ServiceBusMessage, context: func.Context) -> None:
    """Do one page. The next page is queued before this returns."""
    from shared.functions.messages import correlation_id, follow_host, give_back
    from shared.model.change import Source
    from shared.model.faults import QueueUnavailable, RejectedEvent
    from shared.model.page import decode_page
    from shared.telemetry import SPAN
    from shared.wiring import application

    follow_host(context)
    app = application()
    body = message.get_body()
    try:
        try:
            page = decode_page(body)
            handle = app.run_cases.handlers[page.kind]
        except (ValueError, KeyError):
            fault = RejectedEvent("not-a-page", "Only this app writes to load-pages.")
            await app.queue_change.reject(body, fault, Source.LOAD, correlation_id(message.correlation_id))
            return
        about = {"run_kind": str(page.kind), "run": page.run, "page": page.page}
        with SPAN("load_page", attributes=about):
            await handle(page)
    except QueueUnavailable:
        await give_back(app)
