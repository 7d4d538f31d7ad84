"""A stand with many accounts and no customers, and a first load of them: for the benchmark and a test."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.demo.seed import run_timers, seed
from local.stand import Stand
from local.stand_options import ROOT, StandOptions
from shared.environment import load_settings
from shared.load.report import LoadReport
from shared.load.steer import Wanted
from shared.model.load import LoadRun, LoadState, Selection
from shared.wiring.operator import Operator

BROKER_CONFIG = ROOT / "local/chaos/Config.json"  # with short locks: a host that is killed holds them
SETTINGS = {
    "INVOCATION_DEADLINE_SECONDS": "15",
    "LEASE_MARGIN_SECONDS": "3",
    "LONGEST_REQUEST_SECONDS": "6",
    "RETRY_FIRST_SECONDS": "0.5",
    "RETRY_CAP_SECONDS": "3",
    "QUEUE_WAIT_SECONDS": "1",
    "CURRENCY_CACHE_SECONDS": "2",
}
LATENCY = {"dataverse": 80, "operations": 200}
_SEEDED_AT_ONCE = 500
_LOOK_SECONDS = 0.5
_ROWS_ARE_NEW = 8.0  # so long after a mapping row changed, healing checks again what is read


@dataclass(slots=True)
class LoadStand:
    """The stand, its control endpoint and the operator's use cases over it.

    `accounts`: the names of the accounts by their numbers. `changed`: which account was changed when.
    """

    stand: Stand
    control: httpx.AsyncClient
    operator: Operator
    accounts: dict[str, str] = field(default_factory=dict[str, str])
    changed: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])

    async def seed(self, count: int, prefix: str = "L", *, events: bool = False) -> None:
        """Make so many accounts in Sales, with or without an event of each."""
        currency = await self._currency()
        rows = [self._row(f"{prefix}{number:06d}", currency) for number in range(count)]
        self.accounts |= {row["accountnumber"]: row["name"] for row in rows}
        for start in range(0, count, _SEEDED_AT_ONCE):
            await self.post("/state", {"accounts": rows[start : start + _SEEDED_AT_ONCE], "events": events})

    async def post(self, path: str, body: dict[str, Any]) -> None:
        """Tell the simulators something."""
        (await self.control.post(path, json=body)).raise_for_status()

    async def start(self, count: int, **wanted: Any) -> LoadRun:
        """Start a load of all accounts."""
        steer = self.operator.run_cases.steer_load
        asked = {"max_creates": count, "total": count, **wanted}
        return await steer.start(Wanted(Selection(), "the stand", **asked))

    async def newest(self) -> LoadRun:
        """The load as it is now."""
        run = await self.operator.run_cases.steer_load.newest()
        assert run is not None
        return run

    async def until_sent(self, count: int, within: float) -> None:
        """Wait until so many checks were sent."""
        end = time.monotonic() + within
        while (run := await self.newest()).sent < count and run.state is LoadState.RUNNING:
            assert time.monotonic() < end, f"{run.sent} of {count} checks were sent within {within:.0f} s"
            await asyncio.sleep(_LOOK_SECONDS)

    async def until_ended(self, within: float) -> LoadReport:
        """Wait until the load is over and each of its checks has ended."""
        end, report_load = time.monotonic() + within, self.operator.run_cases.report_load
        while True:
            run = await self.newest()
            if run.state is not LoadState.RUNNING:
                report = await report_load.of(run)
                if not report.at_work and not report.open:
                    return report
            assert time.monotonic() < end, f"the load is {run.state}, {run.sent} sent, {run.waits_for}"
            await asyncio.sleep(_LOOK_SECONDS)

    async def unequal(self) -> list[str]:
        """What the ERP has otherwise than Sales: missing, doubled and different customers."""
        rows = (await self.control.get("/state", params={"system": "operations"})).raise_for_status().json()
        names: dict[str, list[str]] = {}
        for row in rows["operations"]["customers"]:
            names.setdefault(row["CustomerAccount"], []).append(row["OrganizationName"])
        found = [
            f"{number}: {names.get(number)}"
            for number, name in self.accounts.items()
            if names.get(number) != [name]
        ]
        return [*found, *(f"{number} has no account" for number in names if number not in self.accounts)]

    async def logs(self, account_ids: Iterable[str]) -> list[tuple[str, list[list[str]]]]:
        """The accounts' own logs, as AccountSync stores them."""
        table = self.operator.clients.tables.get_table_client("AccountSync")
        rows = [await table.get_entity(account_id, "state") for account_id in account_ids]
        return [(str(row["PartitionKey"]), json.loads(row["Log"])) for row in rows]

    @property
    def host_pid(self) -> int:
        """The process of the host."""
        return self.stand.host_pid()

    async def _currency(self) -> str:
        state = (await self.control.get("/state", params={"system": "dataverse"})).raise_for_status().json()
        rows = state["dataverse"]["transactioncurrencies"]
        return next(row["transactioncurrencyid"] for row in rows if row["currencyname"] == "Euro")

    def _row(self, number: str, currency: str) -> dict[str, str]:
        return {
            "accountnumber": number,
            "name": f"Loaded {number}",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})",
        }


@contextlib.asynccontextmanager
async def load_stand(settings: dict[str, str] | None = None) -> AsyncIterator[LoadStand]:
    """A running stand with one host and the ERP's reference data."""
    options = StandOptions(
        settings={**SETTINGS, **(settings or {})},
        broker_config=BROKER_CONFIG,
        core_tools=False,
        webhook=False,
    )
    async with (
        Stand.start(options) as stand,
        httpx.AsyncClient(base_url=stand.addresses.control, timeout=120) as control,
    ):
        await seed(stand)
        await run_timers(stand)
        await asyncio.sleep(_ROWS_ARE_NEW)
        values = json.loads(stand.settings_file.read_text(encoding="utf-8"))["Values"]
        operator = Operator(*load_settings(values, takes_events=False))
        try:
            yield LoadStand(stand, control, operator)
        finally:
            await operator.clients.close()
