"""The control endpoint over plain HTTP: what is in the queues, and faults on demand.

- GET /queues, GET /queues/{name}: counts of now and since the start.
- POST /disconnect {"clients": "all" | N}: drops connections; queues and locks stay as they are.
- POST /expire-locks {"queue": name}: ends all locks of the queue and of its dead-letter queue now.
Anything else is answered with 404, 405 or 400 and a JSON body that says what is wrong.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from local.servicebus.errors import BrokerFault
from local.servicebus.hub import Hub
from local.servicebus.queue import Queue

_HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)


class _Disconnect(BaseModel):
    model_config = ConfigDict(extra="forbid")
    clients: PositiveInt | str = "all"


class _ExpireLocks(BaseModel):
    model_config = ConfigDict(extra="forbid")
    queue: str


def control_app(hub: Hub) -> web.Application:
    """The HTTP application of the control endpoint."""
    app = web.Application(middlewares=[_explain])
    app[_HUB] = hub
    app.add_routes(
        [
            web.get("/queues", _list_queues),
            web.get("/queues/{name}", _get_queue),
            web.post("/disconnect", _disconnect),
            web.post("/expire-locks", _expire_locks),
        ]
    )
    return app


@web.middleware
async def _explain(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)
    except BrokerFault as fault:
        return web.json_response({"error": fault.description}, status=fault.status)
    except ValidationError as error:
        return web.json_response(
            {"error": error.errors(include_url=False, include_context=False)}, status=400
        )


async def _list_queues(request: web.Request) -> web.Response:
    queues = request.app[_HUB].broker.queues.values()
    return web.json_response({queue.name: describe(queue) for queue in queues})


async def _get_queue(request: web.Request) -> web.Response:
    return web.json_response(describe(request.app[_HUB].broker.find(request.match_info["name"])))


async def _disconnect(request: web.Request) -> web.Response:
    wanted = _Disconnect.model_validate_json(await request.text() or "{}").clients
    if isinstance(wanted, str) and wanted != "all":
        return web.json_response({"error": "'clients' must be a number or 'all'."}, status=400)
    limit = wanted if isinstance(wanted, int) else None
    return web.json_response({"disconnected": request.app[_HUB].disconnect(limit)})


async def _expire_locks(request: web.Request) -> web.Response:
    hub = request.app[_HUB]
    queue = hub.broker.find(_ExpireLocks.model_validate_json(await request.text()).queue)
    before = queue.counts()
    for each in (queue, queue.dead_letters):
        if each is not None:
            each.end_all_locks()
    hub.advance()
    return web.json_response({"messages": before.locked, "sessions": before.sessions_locked})


def describe(queue: Queue) -> dict[str, Any]:
    """The counts of a queue; `oldest_enqueued_at` as ISO 8601 in UTC, or null."""
    counts = asdict(queue.counts())
    oldest = counts["oldest_enqueued_at"]
    if oldest is not None:
        counts["oldest_enqueued_at"] = datetime.fromtimestamp(oldest, UTC).isoformat()
    counts["dead_letter"] = queue.dead_letters.size() if queue.dead_letters is not None else 0
    return counts | asdict(queue.tally)
