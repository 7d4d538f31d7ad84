"""The control endpoint: faults, requests, state, settings and events of the simulators, as JSON over HTTP.

For tests and demonstrations on one machine only: it listens on 127.0.0.1 and asks for no token. Bodies that
do not fit their model get 400 with what is wrong.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.faults import ActiveFault, FaultRule
from local.dynamics.handmade import EventOrder, post_order
from local.dynamics.settings import SettingsChange, apply_settings
from local.dynamics.state import StateChange, apply_state, read_state
from local.dynamics.systems import Systems


class ReleaseOrder(BaseModel):
    """The body of `POST /events/release`."""

    model_config = ConfigDict(extra="forbid")

    order: Literal["fifo", "reverse", "random"] = "fifo"
    seed: int = 1


def control_application(systems: Systems) -> web.Application:
    """All routes."""
    control = _Control(systems)
    app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[_explain_errors])
    app.add_routes(
        [
            web.get("/faults", control.list_faults),
            web.post("/faults", control.add_fault),
            web.delete("/faults", control.clear_faults),
            web.get("/requests", control.list_requests),
            web.delete("/requests", control.clear_requests),
            web.get("/state", control.get_state),
            web.post("/state", control.change_state),
            web.post("/settings", control.change_settings),
            web.get("/events", control.list_events),
            web.post("/events", control.add_event),
            web.delete("/events", control.clear_events),
            web.post("/events/hold", control.hold_events),
            web.post("/events/release", control.release_events),
        ]
    )
    return app


@web.middleware
async def _explain_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValidationError as error:
        return web.json_response(
            {"error": error.errors(include_url=False, include_context=False)}, status=400
        )
    except (DataverseError, ValueError) as error:
        return web.json_response({"error": str(error)}, status=400)
    except LookupError as error:
        return web.json_response({"error": str(error)}, status=409)


class _Control:
    """The handlers."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems

    async def list_faults(self, _request: web.Request) -> web.Response:
        return web.json_response([_fault(fault) for fault in self._systems.faults.active])

    async def add_fault(self, request: web.Request) -> web.Response:
        rule = FaultRule.model_validate_json(await request.read())
        return web.json_response(_fault(self._systems.faults.add(rule)), status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._systems.faults.clear()
        return web.Response(status=204)

    async def list_requests(self, request: web.Request) -> web.Response:
        since = float(request.query.get("since", "0"))
        return web.json_response(self._systems.log.report(request.query.get("system"), since))

    async def clear_requests(self, _request: web.Request) -> web.Response:
        self._systems.log.clear()
        return web.Response(status=204)

    async def get_state(self, request: web.Request) -> web.Response:
        return web.json_response(read_state(self._systems, request.query.get("system")))

    async def change_state(self, request: web.Request) -> web.Response:
        apply_state(self._systems, StateChange.model_validate_json(await request.read()))
        return web.Response(status=204)

    async def change_settings(self, request: web.Request) -> web.Response:
        apply_settings(self._systems, SettingsChange.model_validate_json(await request.read()))
        return web.Response(status=204)

    async def list_events(self, request: web.Request) -> web.Response:
        jobs = self._systems.jobs
        limit = int(request.query.get("limit", len(jobs.records)))
        newest = jobs.records[max(len(jobs.records) - limit, 0) :]
        body = {"pending": jobs.pending(), "holding": jobs.holding, "states": jobs.states()}
        return web.json_response({**body, "events": [job.report() for job in newest]})

    async def add_event(self, request: web.Request) -> web.Response:
        systems = self._systems
        order = EventOrder.model_validate_json(await request.read())
        job = post_order(order, systems.store, systems.jobs, systems.notifier)
        return web.json_response(job.report(), status=201)

    async def clear_events(self, _request: web.Request) -> web.Response:
        self._systems.jobs.clear()
        return web.Response(status=204)

    async def hold_events(self, _request: web.Request) -> web.Response:
        self._systems.jobs.holding = True
        return web.Response(status=204)

    async def release_events(self, request: web.Request) -> web.Response:
        body = await request.read()
        order = ReleaseOrder.model_validate_json(body or b"{}")
        return web.json_response({"released": await self._systems.jobs.release(order.order, order.seed)})


def _fault(fault: ActiveFault) -> dict[str, Any]:
    values = asdict(fault) | {"rule": fault.rule.model_dump(exclude_none=True)}
    return {name: values[name] for name in ("id", "matched", "fired", "rule")}
