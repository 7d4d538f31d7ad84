"""The clients of one running simulator, shared by the contract tests."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx
from aiohttp import web

from local.dynamics.simulator import Options, Simulator

TOKEN = "contract-token"
# Loading the machine's certificates takes longer than most tests: once is enough.
TRUST = ssl.create_default_context()


class Stand:
    """The three clients of one simulator; `dataverse` and `operations` carry the token."""

    def __init__(self, simulator: Simulator, addresses: dict[str, str]) -> None:
        self.simulator = simulator
        self.addresses = addresses
        self.dataverse = self._client(f"{addresses['dataverse']}/api/data/v9.2/")
        self.operations = self._client(f"{addresses['operations']}/data/")
        self.control = self._client(addresses["control"])

    def _client(self, base_url: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.AsyncClient(base_url=base_url, headers=headers, verify=TRUST)

    async def close(self) -> None:
        for client in (self.dataverse, self.operations, self.control):
            await client.aclose()
        await self.simulator.stop()

    async def fault(self, **rule: Any) -> None:
        answer = await self.control.post("/faults", json=rule)
        assert answer.status_code == 201, answer.text

    async def seed(self, **state: Any) -> None:
        answer = await self.control.post("/state", json=state)
        assert answer.status_code == 204, answer.text

    async def settings(self, **settings: Any) -> None:
        answer = await self.control.post("/settings", json=settings)
        assert answer.status_code == 204, answer.text


async def start(options: Options) -> Stand:
    simulator = Simulator(options)
    return Stand(simulator, await simulator.start())


async def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)


class WebhookReceiver:
    """A listening webhook; `statuses` are answered in turn, then 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.delay = 0.0
        self.most_at_once = 0
        self._at_once = 0
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_post("/api/dataverse/events", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/dataverse/events"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def contexts(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]

    async def _receive(self, request: web.Request) -> web.Response:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.delay)
        self._at_once -= 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, dict(request.query), await request.read()))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, text="seen")
