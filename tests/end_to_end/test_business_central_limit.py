"""Business Central works on five requests of one identity at a time: all hosts together keep to that.

The doctor's check, once a day, does not: its few requests wait in Business Central's own queue.
"""

import asyncio
from typing import Any

import httpx

from local.demo.drive import Sales
from local.demo.scenario import plan
from local.demo.seed import seed
from local.erps.business_central import BUSINESS_CENTRAL
from local.stand import Stand
from local.stand_options import StandOptions
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.opening import SETTINGS
from tests.end_to_end.operator import doctor_at_hand
from tests.end_to_end.waiting import eventually

ACCOUNTS = 40
SLOW = {"latency_ms": {"business_central": 200}}  # so that requests meet


async def test_two_hosts_never_have_more_than_five_requests_at_a_time() -> None:
    options = StandOptions(erp=BUSINESS_CENTRAL, settings=SETTINGS, hosts=2, core_tools=False)
    async with (
        Stand.start(options) as stand,
        httpx.AsyncClient(timeout=60) as http,
        httpx.AsyncClient(base_url=stand.addresses.functions, timeout=60) as app,
    ):
        control = stand.addresses.control
        await seed(stand)
        async with doctor_at_hand(app, stand.addresses.function_key):
            await CommandLine(stand.settings_file)("doctor", "--now", "--json")
        (await http.post(f"{control}/settings", json=SLOW)).raise_for_status()

        async def there() -> dict[str, Any]:
            answer = await http.get(f"{control}/state", params={"system": "business-central"})
            return answer.raise_for_status().json()["business-central"]

        async def probed() -> None:
            """Ask one host after the other for a probe meanwhile: one place is free for that."""
            for url in stand.function_urls():
                (await http.get(f"{url}/api/health")).raise_for_status()

        cases = [case for case in plan(BUSINESS_CENTRAL, ACCOUNTS, ACCOUNTS).cases if case.customer]
        async with Sales.at(stand.addresses) as sales:
            await asyncio.gather(sales.create(cases), probed())
        state = await eventually(there, lambda found: len(found["customers"]) == len(cases), "all customers")
        (most,) = state["most_parallel_requests"].values()
        assert 2 < most <= 5
