"""Data under which each page shows something: accounts that arrived, and accounts parked for four causes."""

import asyncio
from collections.abc import Mapping

import httpx
from azure.data.tables.aio import TableServiceClient

from local.demo.currencies import MISTYPED, UNMAPPED
from local.stand import Stand

ARRIVE_SECONDS = 60.0
FIRST = "Paro Valley Hotels"  # the first account that is parked for its currency
_MAPPED = ("Contoso", "Fabrikam", "Northwind Traders", "Adventure Works", "Tailspin Toys", "Litware")
_UNMAPPED = (FIRST, "Thimphu Paper Mills", "Druk Trading")
_MISTYPED = ("Bosphorus Ferries", "Izmir Olive Oil")


async def set_scene(stand: Stand) -> Mapping[str, str]:
    """Create the accounts, and wait until the app knows each. Return their ids by name."""
    here = stand.addresses
    headers = {"Authorization": f"Bearer {here.token}", "Prefer": "return=representation"}
    async with httpx.AsyncClient(
        base_url=f"{here.dataverse}/api/data/v9.2", headers=headers, timeout=30
    ) as sales:
        found = (await sales.get("/transactioncurrencies")).raise_for_status().json()["value"]
        currencies = {row["currencyname"]: row["transactioncurrencyid"] for row in found}
        ids = dict[str, str]()
        for number, (name, currency) in enumerate(_accounts(), start=1001):
            bind = f"/transactioncurrencies({currencies[currency]})"
            row = {"name": name, "accountnumber": f"C-{number}", "address1_city": "Vienna"}
            row |= {"transactioncurrencyid@odata.bind": bind}
            answer = (await sales.post("/accounts", json=row)).raise_for_status()
            ids[name] = answer.json()["accountid"]
        answer = await sales.post("/accounts", json={"name": "Fourth Coffee"})  # without a number
        ids["Fourth Coffee"] = answer.raise_for_status().json()["accountid"]
    await _until_known(here.tables, set(ids.values()))
    return ids


def _accounts() -> list[tuple[str, str]]:
    usual = [(name, "Euro") for name in _MAPPED]
    return [*usual, *((n, UNMAPPED.crm) for n in _UNMAPPED), *((n, MISTYPED.crm) for n in _MISTYPED)]


async def _until_known(tables: str, ids: set[str]) -> None:
    async with asyncio.timeout(ARRIVE_SECONDS), TableServiceClient.from_connection_string(tables) as service:
        states = service.get_table_client("AccountSync")
        while True:
            rows = states.list_entities(select=["PartitionKey", "Phase"])
            known = {row["PartitionKey"] async for row in rows if row.get("Phase") in {"synced", "parked"}}
            if ids <= known:
                return
            await asyncio.sleep(0.5)
