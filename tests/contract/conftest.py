"""The real things that the ports are held against: Azurite, the broker, both simulators."""

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from azure.data.tables.aio import TableClient, TableServiceClient

from local.child import Child
from local.dynamics.faults import FaultRule
from local.dynamics.nav.environment import CRONUS
from local.dynamics.simulator import Options, Simulator
from local.dynamics.state import StateChange, apply_state
from shared.model.faults import System
from shared.ports import Clock
from shared.web.credentials import BasicAuth, FixedToken
from shared.web.odata import ODataClient
from tests.fakes.clock import FakeClock
from tests.fakes.table_client import TableService

ROOT = Path(__file__).parents[2]

type NewTable = Callable[[], Awaitable[TableClient]]
type NewTables = Mapping[str, NewTable]


@pytest.fixture(scope="session")
async def azurite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The connection string of a running table service."""
    log = tmp_path_factory.mktemp("azurite") / "log"
    child = await Child.start("tables", "local.azurite", ["--port", "0"], log, cwd=ROOT)
    yield child.ready["connection_string"]
    await child.stop()


@pytest.fixture(scope="session")
async def new_table(azurite: str) -> AsyncIterator[NewTable]:
    """Makes tables that no other test uses."""
    async with TableServiceClient.from_connection_string(azurite) as service:

        async def make() -> TableClient:
            return await service.create_table(f"t{uuid4().hex}")

        yield make


@pytest.fixture(scope="session")
def new_tables(new_table: NewTable) -> NewTables:
    """Makes tables of Azurite, and tables in memory that must behave like them."""
    service = TableService()

    async def in_memory() -> TableClient:
        return cast(TableClient, service.table(f"t{uuid4().hex}"))

    return {"azurite": new_table, "memory": in_memory}


QUEUES = 40


@pytest.fixture(scope="session")
def queue_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many queues like `account-changes` and a few like `rejected-events`, one for each test."""
    shipped = json.loads((ROOT / "local/servicebus/Config.json").read_text(encoding="utf-8"))
    (namespace,) = shipped["UserConfig"]["Namespaces"]
    by_name = {queue["Name"]: queue for queue in namespace["Queues"]}
    for number in range(QUEUES):
        for name in ("account-changes", "rejected-events"):
            namespace["Queues"].append({**by_name[name], "Name": f"{name}-{number}"})
    file = tmp_path_factory.mktemp("queues") / "Config.json"
    file.write_text(json.dumps(shipped), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
async def broker(queue_config: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Child]:
    """A running broker with the queues of `queue_config`."""
    child = await start_broker(queue_config, tmp_path_factory.mktemp("broker") / "log")
    yield child
    await child.stop()


async def start_broker(config: Path, log: Path, port: int = 0) -> Child:
    arguments = ["--config", str(config), "--port", str(port), "--control-port", "0"]
    return await Child.start("broker", "local.servicebus", arguments, log, cwd=ROOT)


TOKEN = "contract-token"


ADDRESSES = {
    System.DATAVERSE: "dataverse",
    System.OPERATIONS: "operations",
    System.BUSINESS_CENTRAL: "business_central",
    System.NAV: "nav",
}
"""The names of the simulators' addresses."""

NAV_OTHER = "O'Neil & Söhne/AG"  # a company's name with every sign that an address needs to quote


@dataclass(frozen=True, slots=True)
class Simulated:
    """The simulators and one HTTP client for each."""

    simulator: Simulator
    clients: Mapping[System, httpx.AsyncClient]
    token: str = TOKEN

    def client(self, system: System, token: str = TOKEN, clock: Clock | None = None) -> ODataClient:
        http = self.clients[system]
        tokens = BasicAuth("ACCOUNTSYNC", token) if system is System.NAV else FixedToken(token)
        return ODataClient(system, http, tokens, clock or FakeClock(datetime.now(UTC)))

    def fault(self, system: System, kind: str, **rule: Any) -> None:
        rule |= {"system": str(system), "kind": kind}
        self.simulator.faults.add(FaultRule.model_validate(rule))

    def state(self, **rows: Any) -> None:
        apply_state(self.simulator, StateChange(**rows))

    def start_anew(self) -> None:
        """No accounts, no customers, no faults; three currencies, one customer group in two companies."""
        self.simulator.faults.clear()
        self.simulator.log.clear()
        self.state(
            reset=True,
            currencies=[{"CurrencyCode": code, "Name": code} for code in ("USD", "EUR", "GBP")],
            groups=[
                {"dataAreaId": company, "CustomerGroupId": "10", "Description": "Wholesale"}
                for company in ("usmf", "demf")
            ],
            business_central={
                "currencies": [
                    {"company": company, "code": code}
                    for company in ("CRONUS USA, Inc.", "CRONUS DE GmbH")
                    for code in ("USD", "EUR", "GBP")
                ]
            },
            nav={
                "currencies": [
                    {"company": company, "Code": code}
                    for company in (CRONUS, NAV_OTHER)
                    for code in ("USD", "EUR", "GBP")
                ]
            },
        )


@pytest.fixture(scope="session")
async def simulated() -> AsyncIterator[Simulated]:
    """Both simulators, and the app's own clients for them."""
    simulator = Simulator(Options(token=TOKEN))
    addresses = await simulator.start()
    trust = ssl.create_default_context()
    async with AsyncExitStack() as stack:
        clients = {
            system: await stack.enter_async_context(
                httpx.AsyncClient(base_url=addresses[name], verify=trust, timeout=10)
            )
            for system, name in ADDRESSES.items()
        }
        yield Simulated(simulator, clients)
    await simulator.stop()
