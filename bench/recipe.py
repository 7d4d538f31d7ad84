"""The hand-made recipe that the app is measured against, as a typical sample writes it, and run.

For each message of Dataverse: read the account, read its currency, look the currency up in the mapping table,
look the customer up in Operations, create it or write all its fields. It has no filter on columns, knows no
repeats and remembers nothing of what it wrote. It is given every advantage of a sample that is written with
care: connections that are kept, a point read of the table without an SDK, any number of workers.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

import httpx
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import AccountSasPermissions, ResourceTypes, generate_account_sas
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from local.demo.currencies import MAPPED
from local.stand_options import Addresses

QUEUE = "dataverse-events"
LONGEST_SECONDS = 900
COMPANY, GROUP = "usmf", "10"
COLUMNS = "accountnumber,name,telephone1,address1_city,_transactioncurrencyid_value"
ROW_KEYS = {currency.crm: currency.row_key for currency in MAPPED}


@dataclass(slots=True)
class Recipe:
    """Clients of the three systems; `done` says by operation id when each message was completed."""

    dataverse: httpx.AsyncClient
    operations: httpx.AsyncClient
    tables: httpx.AsyncClient
    bus: ServiceBusClient
    sas: str
    done: dict[str, datetime] = field(default_factory=dict[str, datetime])
    handled: int = 0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def at(cls, addresses: Addresses) -> Self:
        """Clients for these addresses, each with connections that are kept."""
        bearer = {"Authorization": f"Bearer {addresses.token}"}
        sales = httpx.AsyncClient(
            base_url=f"{addresses.dataverse}/api/data/v9.2/", headers=bearer, timeout=60
        )
        erp = httpx.AsyncClient(base_url=f"{addresses.erp}/data/", headers=bearer, timeout=60)
        endpoint, sas = _table_access(addresses.tables)
        tables = httpx.AsyncClient(base_url=f"{endpoint}/", timeout=60)
        return cls(sales, erp, tables, ServiceBusClient.from_connection_string(addresses.servicebus), sas)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for client in (self.dataverse, self.operations, self.tables):
            await client.aclose()
        await self.bus.close()

    async def run(self, events: int, workers: int) -> float:
        """Handle so many messages; return how many seconds that took. Raises TimeoutError."""
        self.handled, self.began = 0, datetime.now(UTC)
        async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(events))
        return (max(self.done.values()) - self.began).total_seconds()

    async def _work(self, events: int) -> None:
        async with self.bus.get_queue_receiver(QUEUE) as receiver:
            while self.handled < events:
                for message in await receiver.receive_messages(1, max_wait_time=1):
                    await self._handle(message, receiver)

    async def _handle(self, message: ServiceBusReceivedMessage, receiver: ServiceBusReceiver) -> None:
        event = json.loads(b"".join(message.body))
        try:
            await self.sync(event["PrimaryEntityId"])
        except httpx.HTTPStatusError:
            await receiver.abandon_message(message)  # two workers had one account; it is delivered again
            return
        await receiver.complete_message(message)
        self.handled += 1
        self.done.setdefault(event["OperationId"], datetime.now(UTC))

    async def sync(self, account_id: str) -> None:
        """Carry out the four steps for one account. Raises httpx.HTTPStatusError."""
        account = await _json(self.dataverse, f"accounts({account_id})", params={"$select": COLUMNS})
        currency = await _json(
            self.dataverse,
            f"transactioncurrencies({account['_transactioncurrencyid_value']})",
            params={"$select": "currencyname"},
        )
        mapping = await self._mapping(currency["currencyname"])
        await self._write(account, mapping["CurrencyAX"])

    async def _mapping(self, name: str) -> Mapping[str, Any]:
        key = quote(ROW_KEYS[name].replace("'", "''"), safe="")
        path = f"CurrencyMapping(PartitionKey='currency',RowKey='{key}')?{self.sas}"
        return await _json(self.tables, path, headers={"Accept": "application/json;odata=nometadata"})

    async def _write(self, account: Mapping[str, Any], code: str) -> None:
        number = account["accountnumber"]
        path = f"CustomersV3(dataAreaId='{COMPANY}',CustomerAccount='{number}')"
        found = await self.operations.get(path, params={"cross-company": "true"})
        fields = {
            "OrganizationName": account["name"],
            "SalesCurrencyCode": code,
            "PrimaryContactPhone": account["telephone1"] or "",
            "AddressCity": account["address1_city"] or "",
        }
        if found.status_code == 404:
            keys = {"dataAreaId": COMPANY, "CustomerAccount": number, "CustomerGroupId": GROUP}
            body = {**keys, "PartyType": "Organization", **fields}
            (await self.operations.post("CustomersV3", json=body)).raise_for_status()
            return
        found.raise_for_status()
        written = await self.operations.patch(path, params={"cross-company": "true"}, json=fields)
        written.raise_for_status()


async def _json(client: httpx.AsyncClient, path: str, **options: Any) -> dict[str, Any]:
    return (await client.get(path, **options)).raise_for_status().json()


def _table_access(connection: str) -> tuple[str, str]:
    """The address of the tables, and a signature that lets anyone read them for an hour."""
    parts = dict(part.split("=", 1) for part in connection.split(";") if part)
    sas = generate_account_sas(
        AzureNamedKeyCredential(parts["AccountName"], parts["AccountKey"]),
        resource_types=ResourceTypes(object=True),
        permission=AccountSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return parts["TableEndpoint"], sas
