"""The simulators as servers: Dataverse, one ERP and the control endpoint, each behind a port of 127.0.0.1.

Options enter, three addresses leave; `start` binds the listeners and `stop` ends everything.
"""

from ssl import SSLContext

from aiohttp import web

from local.dynamics.calls import Service
from local.dynamics.certificate import make_certificate
from local.dynamics.control import control_application
from local.dynamics.dataverse import service as dataverse_service
from local.dynamics.listener import Listener
from local.dynamics.systems import Options, Systems

HOST = "127.0.0.1"


class Simulator(Systems):
    """Dataverse and one ERP in one process, reachable over HTTP."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._runners: list[web.AppRunner] = []

    async def start(self) -> dict[str, str]:
        """Bind the listeners; answers the addresses and the token."""
        options, token = self.options, self.options.token
        certificate = make_certificate() if options.tls else None
        tls = certificate.context if certificate else None
        dataverse = self._listener("dataverse", dataverse_service.PREFIX, self.dataverse, f"Bearer {token}")
        erp = self.erp
        of_erp = self._listener(erp.name, erp.prefix, erp.service, erp.authorization(token))
        addresses = {
            "dataverse": await self._bind(dataverse.application(), options.dataverse_port, tls),
            erp.name: await self._bind(of_erp.application(), options.erp_port, tls),
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

    def _listener(self, system: str, prefix: str, service: Service, authorization: str) -> Listener:
        return Listener(
            system, prefix, service, authorization, self.faults, self.log, lambda: self.latency[system]
        )

    async def _bind(self, app: web.Application, port: int, tls: SSLContext | None) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, HOST, port, ssl_context=tls)
        await site.start()
        bound = runner.addresses[0][1]
        return f"{'https' if tls else 'http'}://{HOST}:{bound}"
