"""The sample app of the host's tests: each trigger kind; what a function does is told by its input."""

import asyncio
import json
import logging
from typing import Any

import azure.functions as func

app = func.FunctionApp()
log = logging.getLogger("sample")


@app.route(route="echo/{id:int}/{rest?}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with what was received."""
    seen: dict[str, Any] = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(
        json.dumps(seen), status_code=207, mimetype="application/json", headers={"X-Seen": "yes"}
    )


@app.route(route="guarded", auth_level=func.AuthLevel.FUNCTION)
async def guarded(req: func.HttpRequest) -> func.HttpResponse:
    """Needs a function key."""
    return func.HttpResponse(str(len(req.get_body())))


@app.route(route="master", auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> func.HttpResponse:
    """Needs the master key; runs in a thread."""
    log.info("in a thread", extra={"path": req.url})
    return func.HttpResponse("ok")


@app.route(route="broken", auth_level=func.AuthLevel.ANONYMOUS)
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Raise."""
    raise RuntimeError("secret detail")


@app.route(route="slow", auth_level=func.AuthLevel.ANONYMOUS)
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Take as many seconds as the query says."""
    log.info("slow began")
    await asyncio.sleep(float(req.params["seconds"]))
    return func.HttpResponse("done")


@app.service_bus_queue_trigger(arg_name="msg", queue_name="%PLAIN_QUEUE%", connection="ServiceBus")
async def plain(msg: func.ServiceBusMessage) -> None:
    """Report the message, wait, and fail if it says so."""
    await _handle("plain", msg)


@app.service_bus_queue_trigger(
    arg_name="msg", queue_name="ordered", connection="ServiceBus", is_sessions_enabled=True
)
async def ordered(msg: func.ServiceBusMessage) -> None:
    """The same for a session queue."""
    await _handle("ordered", msg)


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%", run_on_startup=True)
async def tick(timer: func.TimerRequest) -> None:
    """Report the run."""
    log.info("tick", extra={"past_due": timer.past_due})


async def _handle(queue: str, msg: func.ServiceBusMessage) -> None:
    order = json.loads(msg.get_body())
    facts = {name: value for name, value in msg.to_dict().items() if name != "body"}
    log.info("begin", extra={"queue": queue, "order": order, "facts": facts})
    await asyncio.sleep(order.get("seconds", 0))
    if (msg.delivery_count or 1) <= order.get("fail", 0):
        raise RuntimeError("told to fail")
    log.info("end", extra={"queue": queue, "order": order})
