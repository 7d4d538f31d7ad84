"""Opens a `System`: clients for its places, and on a stand the data that real services have already."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from azure.data.tables.aio import TableServiceClient

from local.stand import Stand
from tests.end_to_end.system import Places, System

# Short waits, so that retries, doubts and bursts come to an end while a test waits.
SETTINGS = {
    "SETTLE_SECONDS": "0.5",
    "RETRY_FIRST_SECONDS": "0.5",
    "RETRY_CAP_SECONDS": "2",
    "LONGEST_REQUEST_SECONDS": "2",
    "BREAKER_FIRST_SECONDS": "1",
    "BREAKER_CAP_SECONDS": "2",
    "BREAKER_LEAST_WAIT_SECONDS": "0.5",
    "QUEUE_WAIT_SECONDS": "1",
    "CURRENCY_CACHE_SECONDS": "1",
    "CATCH_UP_MINUTES": "0",  # it runs when a test asks for it
}
MAPPINGS = (
    ("us dollar", "US Dollar", "USD"),
    ("euro", "Euro", "EUR"),
    ("pound sterling", "Pound Sterling", "GBP"),
    ("rand r%2Fc %231", "Rand R/c #1", "ZAR"),
)
UNMAPPED = "Bhutanese Ngultrum"


def places_of(stand: Stand) -> Places:
    """Where the parts of a stand are."""
    here = stand.addresses
    return Places(
        dataverse=here.dataverse,
        operations=here.erp,
        functions=here.functions,
        function_key=here.function_key,
        tables=here.tables,
        token=here.token,
        unmapped=UNMAPPED,
        settle_seconds=float(SETTINGS["SETTLE_SECONDS"]),
        control=here.control,
        servicebus=here.servicebus,
        servicebus_control=here.servicebus_control,
    )


@asynccontextmanager
async def open_system(places: Places, stand: Stand | None) -> AsyncIterator[System]:
    """The system at these places, closed at the end."""
    async with AsyncExitStack() as stack:

        async def client(url: str, **headers: str) -> httpx.AsyncClient:
            return await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=headers, timeout=60)
            )

        system = System(
            places=places,
            sales=await client(
                f"{places.dataverse}/api/data/v9.2", **await _bearer(places, places.dataverse)
            ),
            operations=await client(f"{places.operations}/data", **await _bearer(places, places.operations)),
            app=await client(places.functions),
            tables=await stack.enter_async_context(_tables(places.tables)),
            control=await client(places.control) if places.control else None,
            stand=stand,
        )
        if stand is not None:
            await _seed(system)
            await _check_the_set_up(system)
        await system.look_round()
        yield system


async def _check_the_set_up(system: System) -> None:
    """Let the app make its first check now: its requests come between no others."""
    key = {"x-functions-key": system.places.function_key}
    (await system.app.post("/admin/functions/doctor", json={}, headers=key)).raise_for_status()


async def _bearer(places: Places, url: str) -> dict[str, str]:
    if places.token:
        return {"Authorization": f"Bearer {places.token}"}
    from azure.identity.aio import DefaultAzureCredential

    async with DefaultAzureCredential() as credential:
        token = await credential.get_token(f"{url}/.default")
    return {"Authorization": f"Bearer {token.token}"}


def _tables(where: str) -> TableServiceClient:
    if where.startswith("https://"):
        from azure.identity.aio import DefaultAzureCredential

        return TableServiceClient(endpoint=where, credential=DefaultAzureCredential())
    return TableServiceClient.from_connection_string(where)


async def _seed(system: System) -> None:
    table = system.tables.get_table_client("CurrencyMapping")
    for key, crm, ax in MAPPINGS:
        await table.upsert_entity(
            {"PartitionKey": "currency", "RowKey": key, "CurrencyCRM": crm, "CurrencyAX": ax}
        )
    assert system.control is not None
    rows = {
        "transactioncurrencies": [
            {"currencyname": "Rand R/c #1", "isocurrencycode": "ZAR"},
            {"currencyname": UNMAPPED, "isocurrencycode": "BTN"},
        ],
        "currencies": [{"CurrencyCode": code} for code in ("USD", "EUR", "GBP", "ZAR", "BTN")],
        "groups": [{"dataAreaId": "usmf", "CustomerGroupId": "10"}],
    }
    (await system.control.post("/state", json=rows)).raise_for_status()
