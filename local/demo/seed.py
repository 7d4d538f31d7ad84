"""What is there before the first event: the currencies of Sales and of Operations, and the mapping table."""

import httpx
from azure.data.tables.aio import TableServiceClient

from local.demo.currencies import CODES_IN_OPERATIONS, IN_SALES, IN_TABLE
from local.stand import Addresses


async def seed(addresses: Addresses) -> None:
    """Fill the table CurrencyMapping, and the reference data of both Dynamics systems."""
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
            "currencies": [{"CurrencyCode": code, "Name": code} for code in CODES_IN_OPERATIONS],
            "groups": [{"dataAreaId": "usmf", "CustomerGroupId": "10", "Description": "Customers"}],
        }
        (await control.post("/state", json=rows)).raise_for_status()


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
