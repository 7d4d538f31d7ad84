"""The simulators as servers: Dataverse, the ERPs and the control endpoint, each behind a port of 127.0.0.1.

Options enter, the addresses leave; `start` binds the listeners and `stop` ends everything.
"""

from ssl import SSLContext

from aiohttp import web

from local.dynamics.certificate import make_certificate
from local.dynamics.control import control_application
from local.dynamics.dataverse import service as dataverse_service
from local.dynamics.erp import SimulatedErp, key_of
from local.dynamics.listener import Listener
from local.dynamics.systems import Options, Systems

HOST = "127.0.0.1"


class Simulator(Systems):
    """Dataverse and the ERPs in one process, reachable over HTTP."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._runners: list[web.AppRunner] = []

    async def start(self) -> dict[str, str]:
        """Bind the listeners; answers the addresses and the token."""
        options, token = self.options, self.options.token
        certificate = make_certificate() if options.tls else None
        tls = certificate.context if certificate else None
        dataverse = Listener(
            "dataverse",
            (dataverse_service.PREFIX,),
            self.dataverse,
            f"Bearer {token}",
            self.faults,
            self.log,
            lambda: self.latency["dataverse"],
        )
        addresses = {"dataverse": await self._bind(dataverse.application(), options.dataverse_port, tls)}
        for erp in self.erps:
            port = options.erp_ports.get(erp.name, 0)
            host = await self._bind(self._of_erp(erp).application(), port, tls)
            addresses[key_of(erp)] = host + erp.path
        addresses["control"] = await self._bind(control_application(self), options.control_port, None)
        self.notifier.organization_url = addresses["dataverse"]
        trust = {"certificate": certificate.pem} if certificate else {}
        return {**addresses, "token": token, **trust}

    async def stop(self) -> None:
        """End jobs and listeners."""
        await self.jobs.close()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def _of_erp(self, erp: SimulatedErp) -> Listener:
        return Listener(
            erp.name,
            erp.prefixes,
            erp.service,
            erp.authorization(self.options.token),
            self.faults,
            self.log,
            lambda: self.latency[key_of(erp)],
            erp.place,
        )

    async def _bind(self, app: web.Application, port: int, tls: SSLContext | None) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, HOST, port, ssl_context=tls)
        await site.start()
        bound = runner.addresses[0][1]
        return f"{'https' if tls else 'http'}://{HOST}:{bound}"
