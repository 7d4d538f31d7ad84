"""The simulators as servers: both systems and the control endpoint, each behind a port of 127.0.0.1.

Options enter, three addresses leave; `start` binds the listeners and `stop` ends everything.
"""

from base64 import b64encode
from ssl import SSLContext

from aiohttp import web

from local.dynamics.business_central import service as business_central_service
from local.dynamics.certificate import make_certificate
from local.dynamics.control import control_application
from local.dynamics.dataverse import service as dataverse_service
from local.dynamics.listener import Listener
from local.dynamics.nav.service import INSTANCE
from local.dynamics.operations import service as operations_service
from local.dynamics.systems import Options, Systems

HOST = "127.0.0.1"


class Simulator(Systems):
    """Both systems in one process, reachable over HTTP."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._runners: list[web.AppRunner] = []

    async def start(self) -> dict[str, str]:
        """Bind the listeners; answers the addresses and the token."""
        options, token = self.options, self.options.token
        certificate = make_certificate() if options.tls else None
        tls = certificate.context if certificate else None
        shared = (token, self.faults, self.log)
        dataverse = Listener(
            "dataverse", dataverse_service.PREFIX, self.dataverse, *shared, lambda: self.latency.dataverse
        )
        operations = Listener(
            "operations", operations_service.PREFIX, self.operations, *shared, lambda: self.latency.operations
        )
        business_central = Listener(
            "business-central",
            business_central_service.PREFIX,
            self.business_central,
            *shared,
            lambda: self.latency.business_central,
            self.queue.place,
        )
        nav = Listener(
            "nav", INSTANCE, self.nav, *shared, lambda: self.latency.nav, authorization=basic(options)
        )
        addresses = {
            "dataverse": await self._bind(dataverse.application(), options.dataverse_port, tls),
            "operations": await self._bind(operations.application(), options.operations_port, tls),
            "business_central": await self._bind(
                business_central.application(), options.business_central_port, tls
            )
            + self.business_central.path,
            "nav": await self._bind(nav.application(), options.nav_port, tls) + INSTANCE,
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


def basic(options: Options) -> str:
    """Return the Authorization header of NAV's user with the web service access key."""
    return f"Basic {b64encode(f'{options.nav_user}:{options.token}'.encode()).decode()}"
