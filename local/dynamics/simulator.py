"""The composition of both simulated services with their faults, log, jobs and control endpoint.

Options enter, three listeners on 127.0.0.1 leave; `start` binds them and `stop` ends everything.
"""

import secrets
from dataclasses import dataclass, field
from ssl import SSLContext

from aiohttp import web

from local.dynamics.certificate import make_certificate
from local.dynamics.dataverse import seed
from local.dynamics.dataverse.rules import apply_rules
from local.dynamics.dataverse.service import PREFIX, Dataverse
from local.dynamics.dataverse.store import Store
from local.dynamics.dataverse.tables import organisation_tables
from local.dynamics.events.joblog import JobLog
from local.dynamics.events.jobs import Jobs
from local.dynamics.events.notifier import Notifier, Routing
from local.dynamics.faults import Faults
from local.dynamics.listener import Listener
from local.dynamics.operations.entities import environment_entities
from local.dynamics.operations.environment import Environment
from local.dynamics.operations.rules import Rules
from local.dynamics.operations.service import PREFIXES, Operations
from local.dynamics.operations.store import Records
from local.dynamics.requestlog import RequestLog

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """How to start; port 0 means a free one, no token means a random one."""

    dataverse_port: int = 0
    operations_port: int = 0
    control_port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    servicebus: str | None = None
    queue: str = "dataverse-events"
    webhook: str | None = None
    webhook_key: str | None = None
    webhook_key_header: bool = False
    dual_write: bool = False
    tls: bool = False


@dataclass(slots=True)
class Latency:
    """Milliseconds that every answer of a system takes longer."""

    dataverse: float = 0.0
    operations: float = 0.0


class Simulator:
    """Everything in one process; the parts are public for tests."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.faults = Faults()
        self.log = RequestLog()
        self.latency = Latency()
        self.store = Store(organisation_tables(dual_write=options.dual_write))
        self.store.check = lambda table, values: apply_rules(self.store, table, values)
        self.jobs = Jobs(self.faults)
        self.notifier = Notifier(self.store, self.jobs)
        self.dataverse = Dataverse(self.store)
        self.environment = Environment()
        self.records = Records()
        self.operations = Operations(Rules(environment_entities(), self.records, self.environment))
        self._runners: list[web.AppRunner] = []
        self._prepare()

    def _prepare(self) -> None:
        """Seed the organisation, then listen to its changes."""
        options = self.options
        seed.seed_organisation(self.store)
        if options.servicebus:
            seed.register_queue(self.store, options.servicebus, options.queue)
        if options.webhook:
            header = options.webhook_key_header
            seed.register_webhook(self.store, options.webhook, options.webhook_key, as_header=header)
        routing: Routing = "both" if options.servicebus and options.webhook else "registered"
        self.notifier.via = routing
        self.store.on_change = self.notifier.changed
        self.jobs.on_progress = JobLog(self.store).record

    async def start(self) -> dict[str, str]:
        """Bind the listeners; answers the addresses and the token."""
        from local.dynamics.control import control_application

        options, token = self.options, self.options.token
        certificate = make_certificate() if options.tls else None
        tls = certificate.context if certificate else None
        dataverse = Listener(
            "dataverse",
            (PREFIX,),
            self.dataverse,
            token,
            self.faults,
            self.log,
            lambda: self.latency.dataverse,
        )
        operations = Listener(
            "operations",
            PREFIXES,
            self.operations,
            token,
            self.faults,
            self.log,
            lambda: self.latency.operations,
        )
        addresses = {
            "dataverse": await self._bind(dataverse.application(), options.dataverse_port, tls),
            "operations": await self._bind(operations.application(), options.operations_port, tls),
            "control": await self._bind(control_application(self), options.control_port, None),
        }
        self.notifier.organization_url = addresses["dataverse"]
        trust = {"certificate": certificate.pem} if certificate else {}
        return {**addresses, "token": token, **trust}

    async def stop(self) -> None:
        """End jobs and listeners."""
        await self.jobs.close()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def _bind(self, app: web.Application, port: int, tls: SSLContext | None) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, HOST, port, ssl_context=tls)
        await site.start()
        bound = runner.addresses[0][1]
        return f"{'https' if tls else 'http'}://{HOST}:{bound}"
