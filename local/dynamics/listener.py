"""The HTTP side of a simulated service: requests enter over aiohttp, faults and the authorization are
applied.

Every request under the service's root becomes a `Call`. A request that is not let in gets the service's
own 401, a path outside the root a 404. A fault may delay, refuse, abort the connection, or commit late.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from aiohttp import web

from local.dynamics.calls import Answer, Call, Service, split_target
from local.dynamics.erp import any_number
from local.dynamics.faults import FaultRule, Faults
from local.dynamics.requestlog import RequestLog


@dataclass(slots=True)
class Listener:
    """One service behind one port, below one or more roots; `latency_ms` is asked for every request.

    `place` holds a place for a request while it is worked on; it yields the answer if there is none.
    """

    system: str
    prefixes: tuple[str, ...]
    service: Service
    authorization: str
    faults: Faults
    log: RequestLog
    latency_ms: Callable[[], float] = lambda: 0.0
    place: Callable[[Call], AbstractAsyncContextManager[Answer | None]] = any_number
    _late: set[asyncio.Task[Answer]] = field(default_factory=set[asyncio.Task[Answer]])

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._receive)
        return app

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        started = time.time()
        fault, status = None, 0
        try:
            call = await self._call(request)
            if call is not None:
                whole, _ = split_target(request.raw_path)
                fault = self.faults.draw(self.system, call.method, call.path, whole)
            answer = await self._answer(request, call, fault)
            if answer is None:
                _abort(request)
                return web.Response(status=500)  # never leaves: the transport is gone
            status = answer.status
            return _response(answer)
        finally:
            name = fault.kind if fault else None
            self.log.add(self.system, request.method, request.raw_path, status, started, name)

    async def _call(self, request: web.Request) -> Call | None:
        path, query = split_target(request.raw_path)
        found = (one for one in self.prefixes if path == one or path.startswith(one + "/"))
        if (prefix := next(found, None)) is None:
            return None
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        root = f"{request.scheme}://{request.host}{prefix}"
        return Call(request.method, path[len(prefix) :].lstrip("/"), query, headers, body, root)

    async def _answer(
        self, request: web.Request, call: Call | None, fault: FaultRule | None
    ) -> Answer | None:
        """The answer, or None when the connection is to be aborted."""
        if call is None:
            await self._wait(fault)
            return Answer(404, "The resource cannot be found.", {"Content-Type": "text/html"})
        async with self.place(call) as refusal:
            await self._wait(fault)
            if refusal is not None:
                return refusal
            if not self._authorised(call):
                return self.service.failure(401, None)
            if fault is None or fault.kind == "delay":
                return self.service.handle(call)
            return await self._faulty(call, fault)

    async def _wait(self, fault: FaultRule | None) -> None:
        if latency := self.latency_ms():
            await asyncio.sleep(latency / 1000)
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.delay_ms / 1000)

    async def _faulty(self, call: Call, fault: FaultRule) -> Answer | None:
        match fault.kind:
            case "drop-before":
                return None
            case "drop-after-commit":
                self.service.handle(call)
                return None
            case "late-commit":
                return await self._late_commit(call, fault)
            case "conflict":
                return self.service.failure(fault.status or 0, "conflict")
            case _:
                return ordered_answer(self.service, fault)

    async def _late_commit(self, call: Call, fault: FaultRule) -> Answer:
        """Answer a time-out now and commit later, or hold the answer back until the commit."""

        async def commit() -> Answer:
            await asyncio.sleep(fault.delay_ms / 1000)
            return self.service.handle(call)

        task = asyncio.create_task(commit())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        if fault.hold:
            return await asyncio.shield(task)
        return Answer(fault.status or 504, "<html><body>The request timed out.</body></html>", _HTML)

    def _authorised(self, call: Call) -> bool:
        return hmac.compare_digest(
            call.headers.get("authorization", "").encode(), self.authorization.encode()
        )


_HTML = {"Content-Type": "text/html"}


def ordered_answer(service: Service, fault: FaultRule) -> Answer:
    """The answer of a `status` fault: its own body, or what the service says with that status and code."""
    status = fault.status or 503
    answer = service.failure(status, fault.code) if fault.body is None else Answer(status, fault.body)
    headers = dict(answer.headers)
    if fault.body is not None and isinstance(fault.body, str):
        headers = dict(_HTML)
    if fault.retry_after is not None:
        headers["Retry-After"] = f"{fault.retry_after:g}"
    return Answer(answer.status, answer.body, headers)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _response(answer: Answer) -> web.Response:
    headers = dict(answer.headers)
    content_type = answer.content_type()
    if content_type is not None:
        headers["Content-Type"] = content_type
    return web.Response(status=answer.status, body=answer.payload(), headers=headers)
