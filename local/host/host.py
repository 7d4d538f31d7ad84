"""The host itself: from an app folder and a settings file to running triggers, and to a clean end.

In: `Options`. Out: a serving HTTP port, pumps and timers. Refused before anything runs, with the reason: what
the worker library refuses, triggers and output bindings that this host does not have, missing connections.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from azure.servicebus.aio import ServiceBusClient

from local.host.config import ConfigError, HostConfig, read_host_config, read_settings, resolve
from local.host.connections import DEFAULT_CONNECTION, open_client
from local.host.datums import as_json, text
from local.host.http import HttpSide
from local.host.logs import start_logging
from local.host.pumps import Pump, QueueTrigger
from local.host.schedule import Schedule, ScheduleError
from local.host.timers import Timer
from local.host.worker import Function, InvocationError, Worker

_log = logging.getLogger(__name__)

_TRIGGERS = ("httpTrigger", "serviceBusTrigger", "timerTrigger")
_QUEUE_CLIENT = {"retry_total": 1, "retry_backoff_factor": 0.25}
_SESSION_CLIENT = {"retry_total": 0}  # a session whose connection broke is lost, and the next one accepted


@dataclass(frozen=True, slots=True)
class Options:
    """How to start. Paths are absolute; `drain_seconds` is what running invocations get at the end."""

    app: Path
    settings: Path
    port: int
    function_key: str
    master_key: str
    log_file: Path | None
    log_level: str | None
    drain_seconds: float


@dataclass(slots=True)
class Host:
    """A running host: `address` and `function_names` are known once `start` has returned."""

    options: Options
    stop: asyncio.Event
    worker: Worker
    config: HostConfig
    address: str = ""
    _runner: web.AppRunner | None = None
    _http: HttpSide | None = None
    _clients: dict[tuple[str, bool], ServiceBusClient] = field(default_factory=dict)
    _jobs: list[asyncio.Task[None]] = field(default_factory=list)
    _by_hand: dict[str, Callable[[str], Awaitable[None]]] = field(default_factory=dict)

    @classmethod
    async def start(cls, options: Options, stop: asyncio.Event) -> "Host":
        """Load the app and run its triggers; raise `ConfigError` or `IndexingError` where it cannot."""
        config = read_host_config(options.app)
        os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
        if options.port:  # as Core Tools and the platform do
            os.environ["WEBSITE_HOSTNAME"] = f"127.0.0.1:{options.port}"
        os.environ.update(read_settings(options.settings))
        running: list[Worker] = []
        level = options.log_level or config.logging.log_level.get("default", "Information")
        start_logging(
            level, options.log_file, lambda found: running[0].function_of(found) if running else None
        )
        for option in config.ignored():
            _log.warning("host.json: %s has no effect in the local host", option)
        timeout = config.function_timeout.total_seconds() if config.function_timeout else None
        worker = await Worker.load(options.app, timeout)
        running.append(worker)
        host = cls(options, stop, worker, config)
        await host._run_triggers()
        return host

    @property
    def function_names(self) -> list[str]:
        """The indexed functions, in the order of the app."""
        return [function.name for function in self.worker.functions]

    async def _run_triggers(self) -> None:
        runs = [run for function in self.worker.functions if (run := self._prepare(function)) is not None]
        await self._serve_http()
        self._jobs = [asyncio.ensure_future(run()) for run in runs]

    def _prepare(self, function: Function) -> Callable[[], Awaitable[None]] | None:
        """Check a function's bindings and make what runs it; HTTP functions need nothing of their own."""
        _refuse_unknown_bindings(function)
        match function.kind:
            case "serviceBusTrigger":
                return self._pump(function)
            case "timerTrigger":
                return self._timer(function)
            case _:
                return None

    def _pump(self, function: Function) -> Callable[[], Awaitable[None]]:
        options = self.config.extensions.service_bus
        where = f"function {function.name}"
        trigger = QueueTrigger.read(
            function, resolve(function.trigger["queueName"], os.environ, where), options
        )
        name = function.trigger.get("connection") or DEFAULT_CONNECTION
        key = (name, trigger.sessions)
        if key not in self._clients:
            self._clients[key] = open_client(
                name, os.environ, **(_SESSION_CLIENT if trigger.sessions else _QUEUE_CLIENT)
            )

        async def run_by_hand(body: str) -> None:
            metadata = {"UserProperties": as_json({}), "ApplicationProperties": as_json({})}
            try:
                await self.worker.invoke(function, text(body), metadata, reason="by hand")
            except InvocationError:
                return

        self._by_hand[function.name] = run_by_hand
        return Pump(self._clients[key], trigger, options, self.worker, self.stop).run

    def _timer(self, function: Function) -> Callable[[], Awaitable[None]]:
        where = f"function {function.name}"
        try:
            schedule = Schedule.parse(resolve(function.trigger["schedule"], os.environ, where))
        except ScheduleError as error:
            raise ConfigError(f"{where}: {error}") from None
        lock = self.options.settings.with_name(f"{self.options.settings.name}.{function.name}.lock")
        timer = Timer(function, schedule, self.worker, lock, self.stop)
        self._by_hand[function.name] = timer.run_by_hand
        return timer.run

    async def _serve_http(self) -> None:
        prefix = self.config.extensions.http.route_prefix
        self._http = HttpSide(
            self.worker, prefix, self.options.function_key, self.options.master_key, self._by_hand
        )
        self._runner = web.AppRunner(
            self._http.application(), access_log=None, shutdown_timeout=self.options.drain_seconds
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.options.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://{host}:{port}"

    async def run(self) -> None:
        """Serve until `stop`, then drain: take nothing new, finish what runs, close."""
        await self.stop.wait()
        _log.info("stopping: finishing %d running invocations", len(self.worker.running))
        if self._runner is not None and self._http is not None:
            await self._runner.cleanup()
            await self._http.drain()
        if self._jobs:
            _, late = await asyncio.wait(self._jobs, timeout=self.options.drain_seconds)
            for job in late:
                job.cancel()
            await asyncio.gather(*self._jobs, return_exceptions=True)
        for client in self._clients.values():
            await client.close()
        self.worker.close()
        _log.info("stopped")


def _refuse_unknown_bindings(function: Function) -> None:
    trigger = function.trigger
    if function.kind not in _TRIGGERS:
        raise ConfigError(f"function {function.name}: the local host has no {function.kind}")
    if extra := [binding for binding in function.other_bindings if binding != "http"]:
        raise ConfigError(f"function {function.name}: the local host has no binding {', '.join(extra)}")
    if function.kind == "serviceBusTrigger" and "queueName" not in trigger:
        raise ConfigError(f"function {function.name}: the local host reads queues only, no topics")
    if str(trigger.get("cardinality", "one")).lower() != "one":
        raise ConfigError(f"function {function.name}: the local host gives one message at a time, no batches")
