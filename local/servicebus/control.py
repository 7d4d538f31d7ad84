"""The control endpoint over plain HTTP: what is in the queues, and faults on demand.

- GET /queues, GET /queues/{name}: counts of now and since the start.
- GET /properties: the settings of every queue.
- POST /disconnect {"clients": "all" | N, "queue": name?}: drops connections (those that use the queue);
  messages, locks and schedules stay as they are.
- POST /expire-locks {"queue": name}: ends all locks of the queue and of its dead-letter queue now.
- POST /clear {"queue": name}: removes all messages of the queue and of its dead-letter queue.
- GET /$Resources/queues, GET /{name}: the same counts for the SDKs' administration client (see `admin`).
Anything else is answered with 404, 405 or 400 and a JSON body that says what is wrong.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from local.servicebus import admin
from local.servicebus.errors import BrokerFault
from local.servicebus.hub import Hub
from local.servicebus.queue import Queue

_HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)


class _Disconnect(BaseModel):
    model_config = ConfigDict(extra="forbid")
    clients: PositiveInt | Literal["all"] = "all"
    queue: str | None = None


class _OneQueue(BaseModel):
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
            web.get("/properties", _list_properties),
            web.post("/disconnect", _disconnect),
            web.post("/expire-locks", _expire_locks),
            web.post("/clear", _clear),
            web.get("/$Resources/queues", _feed),
            web.get("/{name}", _entry),
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


async def _list_properties(request: web.Request) -> web.Response:
    queues = request.app[_HUB].broker.queues.values()
    return web.json_response({queue.name: asdict(queue.settings) for queue in queues})


async def _get_queue(request: web.Request) -> web.Response:
    return web.json_response(describe(request.app[_HUB].broker.find(request.match_info["name"])))


async def _disconnect(request: web.Request) -> web.Response:
    wanted = _Disconnect.model_validate_json(await request.text() or "{}")
    hub = request.app[_HUB]
    queue = hub.broker.find(wanted.queue) if wanted.queue is not None else None
    limit = wanted.clients if isinstance(wanted.clients, int) else None
    return web.json_response({"disconnected": hub.disconnect(limit, queue)})


async def _expire_locks(request: web.Request) -> web.Response:
    hub = request.app[_HUB]
    queue = hub.broker.find(_OneQueue.model_validate_json(await request.text()).queue)
    before = queue.counts()
    for each in (queue, queue.dead_letters):
        if each is not None:
            each.end_all_locks()
    hub.advance()
    return web.json_response({"messages": before.locked, "sessions": before.sessions_locked})


async def _clear(request: web.Request) -> web.Response:
    hub = request.app[_HUB]
    queue = hub.broker.find(_OneQueue.model_validate_json(await request.text()).queue)
    removed = [each.clear() for each in (queue, queue.dead_letters) if each is not None]
    return web.json_response({"removed": sum(removed)})


async def _feed(request: web.Request) -> web.Response:
    skip, top = int(request.query.get("$skip", "0")), int(request.query.get("$top", "100"))
    queues = list(request.app[_HUB].broker.queues.values())[skip : skip + top]
    return web.Response(text=admin.feed(queues), content_type=admin.CONTENT_TYPE)


async def _entry(request: web.Request) -> web.Response:
    try:
        text = admin.entry(request.app[_HUB].broker.find(request.match_info["name"]))
    except BrokerFault:  # the service answers with an empty feed, not with 404, and the SDKs expect it
        text = admin.feed([])
    return web.Response(text=text, content_type=admin.CONTENT_TYPE)


def describe(queue: Queue) -> dict[str, Any]:
    """The counts of a queue; `oldest_enqueued_at` as ISO 8601 in UTC, or null."""
    counts = asdict(queue.counts())
    oldest = counts["oldest_enqueued_at"]
    if oldest is not None:
        counts["oldest_enqueued_at"] = datetime.fromtimestamp(oldest, UTC).isoformat()
    counts["dead_letter"] = queue.dead_letters.size() if queue.dead_letters is not None else 0
    return counts | asdict(queue.tally)
