"""The host's HTTP side: routes, keys, requests as the worker library wants them, answers, the admin endpoint.

In: HTTP requests. Out: the function's answer. Refused: no or a wrong key (401, before the body is read), no
route (404), more than 100 MB (413), a function that raised (500 with an empty body, never a stack trace).
Source: learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger and
.../functions-manually-run-non-http (the admin endpoint).
"""

import asyncio
import hmac
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import hdrs, web
from azure_functions_runtime.bindings.datumdef import Datum

from local.host.datums import text
from local.host.easy_auth import EasyAuth
from local.host.routes import Route, RouteError, find_route
from local.host.worker import Function, InvocationError, Worker

LARGEST_BODY = 100 * 1024 * 1024
Run = Callable[[str], Awaitable[None]]


class HttpSide:
    """Answers requests for the HTTP functions of a worker. `by_hand` runs the others, by function name."""

    def __init__(
        self, worker: Worker, prefix: str, function_key: str, master_key: str, by_hand: dict[str, Run]
    ) -> None:
        self._worker, self._by_hand = worker, by_hand
        self._keys = {"function": (function_key, master_key), "admin": (master_key,)}
        self._functions = {
            function.name: function for function in worker.functions if function.kind == "httpTrigger"
        }
        self._routes = [_route(function, prefix) for function in self._functions.values()]
        self._background: set[asyncio.Task[None]] = set()
        self._auth = EasyAuth(function_key, on=os.environ.get("CONSOLE_LOGIN") == "local")

    def application(self) -> web.Application:
        """The aiohttp application; it has one handler, the routes are chosen as ASP.NET Core does."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def drain(self) -> None:
        """Wait for what was started by hand."""
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith("/admin/"):
            return await self._admin(request, path)
        if (answer := self._auth.answer(request)) is not None:
            return answer
        found = find_route(self._routes, request.method, path)
        if found is None:
            return web.Response(status=404)
        route, parameters = found
        function = self._functions[route.function]
        if not self._may(request, function.trigger.get("authLevel", "FUNCTION")):
            return web.Response(status=401)
        if (request.content_length or 0) > LARGEST_BODY:
            return web.Response(status=413)
        datum = await _request_datum(request, self._auth.headers(request), parameters)
        try:
            result = await self._worker.invoke(
                function, datum, {}, trace_parent=request.headers.get("traceparent"), reason="http"
            )
        except InvocationError:
            return web.Response(status=500)
        return _response(result)

    def _may(self, request: web.Request, level: str) -> bool:
        keys = self._keys.get(level.lower())
        if keys is None:  # ANONYMOUS
            return True
        given = request.headers.get("x-functions-key") or request.query.get("code") or ""
        return any(hmac.compare_digest(given.encode(), key.encode()) for key in keys)

    async def _admin(self, request: web.Request, path: str) -> web.Response:
        if not self._may(request, "admin"):
            return web.Response(status=401)
        if path == "/admin/host/status" and request.method == hdrs.METH_GET:
            return web.json_response(
                {"state": "Running", "functions": [f.name for f in self._worker.functions]}
            )
        run = self._by_hand.get(path.removeprefix("/admin/functions/"))
        if run is None or request.method != hdrs.METH_POST:
            return web.Response(status=404)
        try:
            argument = json.loads(await request.text() or "{}").get("input") or ""
        except (ValueError, AttributeError):
            return web.Response(status=400, text='The body must be JSON: {"input": "..."}')
        task = asyncio.ensure_future(run(str(argument)))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return web.Response(status=202)


def _route(function: Function, prefix: str) -> Route:
    template = function.trigger.get("route") or function.name
    if template.startswith("/"):  # the real host puts a second slash before it, and answers 404
        raise RouteError(f"function {function.name}: its route {template!r} must not begin with a slash")
    return Route.parse(function.name, f"{prefix}/{template}", function.trigger.get("methods", ()))


async def _request_datum(request: web.Request, headers: dict[str, str], parameters: dict[str, str]) -> Datum:
    query = {name: ",".join(request.query.getall(name)) for name in request.query}
    value: dict[str, Any] = {
        "method": text(request.method),
        "url": text(str(request.url)),
        "headers": {name: text(value) for name, value in headers.items()},
        "query": {name: text(value) for name, value in query.items()},
        "params": {name: text(value) for name, value in parameters.items()},
        "body": Datum(await request.read(), "bytes"),
    }
    return Datum(value, "http")


def _response(result: Datum | None) -> web.Response:
    if result is None or result.value is None:
        return web.Response(status=204)
    if result.type != "http":
        return web.Response(text=str(result.value))
    answer = result.value
    response = web.Response(status=int(answer["status_code"].value), body=answer["body"].value)
    for name, value in answer["headers"].items():
        response.headers[name] = value.value
    for jar in answer["cookies"] or ():
        for morsel in jar.values():
            response.headers.add(hdrs.SET_COOKIE, morsel.OutputString())
    return response
