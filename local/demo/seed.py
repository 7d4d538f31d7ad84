"""What is there before the first event: the currencies of Sales, the data of the ERP, and the mapping table.

The app's healing reads the mapping table once a minute, and checks every account whose row is new; the doctor
checks the set-up of a new version. The demo calls both once in advance: no row is new when the accounts come,
and the requests that are counted are those of the accounts.
"""

import asyncio
from typing import Any

import httpx
from azure.data.tables.aio import TableServiceClient

from local.demo.cases import SIMULATOR_OF
from local.demo.currencies import CODES, IN_SALES, IN_TABLE
from local.demo.errors import DemoError
from local.demo.watch import Tail
from local.stand import Stand

TIMERS = ("heal", "doctor")
TIMER_SECONDS = 30.0


async def seed(stand: Stand) -> None:
    """Fill the table CurrencyMapping, and the reference data of Dataverse and of the ERP."""
    addresses, erp = stand.addresses, stand.options.erp
    await _map_currencies(addresses.tables)
    async with httpx.AsyncClient(base_url=addresses.control) as control:
        state = (await control.get("/state", params={"system": "dataverse"})).raise_for_status().json()
        there = {row["currencyname"] for row in state["dataverse"]["transactioncurrencies"]}
        rows = {
            "transactioncurrencies": [
                {"currencyname": currency.crm, "isocurrencycode": currency.iso}
                for currency in IN_SALES
                if currency.crm not in there
            ],
            erp.key: erp.reference_data(CODES),
        }
        (await control.post("/state", json=rows)).raise_for_status()
        settings = {erp.key: SIMULATOR_OF.get(erp.target, {})}
        (await control.post("/settings", json=settings)).raise_for_status()


async def _map_currencies(connection: str) -> None:
    async with TableServiceClient.from_connection_string(connection) as service:
        table = service.get_table_client("CurrencyMapping")
        for currency in IN_TABLE:
            row = {
                "PartitionKey": "currency",
                "RowKey": currency.row_key,
                "CurrencyCRM": currency.crm,
                "CurrencyAX": currency.ax,
                "UpdatedBy": "demo",
            }
            await table.upsert_entity(row)


async def run_timers(stand: Stand) -> None:
    """Run the timer functions by hand, one after the other, and wait until each has run.

    As in learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http.
    """
    for function in TIMERS:
        await _run(stand, function)


async def _run(stand: Stand, function: str) -> None:
    key = {"x-functions-key": stand.addresses.function_key}
    tail = Tail(stand.host_logs)
    _ = [*tail.records()]  # what ended before
    async with httpx.AsyncClient(base_url=stand.addresses.functions, headers=key, timeout=60) as host:
        (await host.post(f"/admin/functions/{function}", json={})).raise_for_status()
    try:
        async with asyncio.timeout(TIMER_SECONDS):
            while not (ended := [one for one in tail.records() if _is_end(one, function)]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        ended = [{}]
    if ended[0].get("event") != "invocation_finished":
        reason = ended[0].get("error", f"it did not end within {TIMER_SECONDS:g} s")
        message = f"the function {function} failed: {reason}; the logs are in {stand.folder}"
        raise DemoError(message)


def _is_end(record: dict[str, Any], function: str) -> bool:
    ends = ("invocation_finished", "invocation_failed")
    return record.get("function") == function and record.get("event") in ends
