"""Microsoft's own Python client reads and changes accounts through the simulator, over TLS.

A client that we did not write: what it cannot do here, it could not do against a simulator that is true.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError

from local.dynamics.simulator import Options, Simulator
from tests.contract.dynamics.simulator_stand import TOKEN

type Served = tuple[Simulator, dict[str, str]]


class FixedCredential:
    """Gives out the simulator's token."""

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(TOKEN, int(time.time()) + 3600)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    simulator = Simulator(Options(token=TOKEN, tls=True))
    addresses = await simulator.start()
    trusted = tmp_path / "certificate.pem"
    trusted.write_text(addresses["certificate"])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    yield simulator, addresses
    await simulator.stop()


async def in_client[T](addresses: dict[str, str], work: Callable[[DataverseClient], T]) -> T:
    """Run work with the synchronous client, apart from the loop that serves it."""

    def run() -> T:
        with DataverseClient(addresses["dataverse"], FixedCredential()) as client:
            return work(client)

    return await asyncio.to_thread(run)


async def test_records_are_created_read_changed_and_deleted(served: Served) -> None:
    simulator, addresses = served

    def work(client: DataverseClient) -> tuple[dict[str, Any], str]:
        made = client.records.create("account", {"name": "Contoso", "customertypecode": "Customer"})
        client.records.update("account", made, {"telephone1": "555-0100"})
        row = client.records.retrieve("account", made, select=["name", "telephone1", "customertypecode"])
        assert row is not None
        client.records.delete("account", made)
        return dict(row.items()), made

    row, made = await in_client(addresses, work)
    assert (row["name"], row["telephone1"], row["customertypecode"]) == ("Contoso", "555-0100", 3)
    assert made not in simulator.store.rows("account")


async def test_many_records_at_once_and_page_by_page(served: Served) -> None:
    _, addresses = served

    def work(client: DataverseClient) -> list[str]:
        ids = client.records.create("account", [{"name": f"Account {number:02d}"} for number in range(12)])
        client.records.update("account", ids[:2], {"fax": "1"})
        pages = client.records.list_pages(
            "account", select=["name"], filter="fax eq null", orderby=["name desc"], page_size=4
        )
        return [row["name"] for page in pages for row in page]

    assert await in_client(addresses, work) == [f"Account {number:02d}" for number in range(11, 1, -1)]


async def test_a_lookup_is_bound_and_expanded(served: Served) -> None:
    _, addresses = served

    def work(client: DataverseClient) -> Any:
        (euro,) = list(client.records.list("transactioncurrency", filter="isocurrencycode eq 'EUR'"))
        bind = f"/transactioncurrencies({euro['transactioncurrencyid']})"
        made = client.records.create("account", {"name": "A", "transactioncurrencyid@odata.bind": bind})
        row = client.records.retrieve("account", made, select=["name"], expand=["transactioncurrencyid"])
        assert row is not None
        return row["transactioncurrencyid"]["currencyname"]

    assert await in_client(addresses, work) == "Euro"


async def test_errors_arrive_with_their_codes(served: Served) -> None:
    _, addresses = served
    control = addresses["control"]

    def work(client: DataverseClient) -> list[tuple[int | None, Any]]:
        found: list[tuple[int | None, Any]] = []
        rule = {"system": "dataverse", "kind": "status", "status": 429, "retry_after": 9, "count": 1}
        client.records.create("account", {"name": "warm-up"})
        for attempt in range(2):
            if attempt == 1:
                httpx.post(f"{control}/faults", json={**rule, "method": "POST"})
            with pytest.raises(HttpError) as caught:
                client.records.create("account", {"name": "x" * 161} if attempt == 0 else {"name": "A"})
            found.append((caught.value.status_code, caught.value.details.get("retry_after")))
        return found

    assert await in_client(addresses, work) == [(400, None), (429, 9)]


async def test_column_metadata_is_understood(served: Served) -> None:
    _, addresses = served

    def work(client: DataverseClient) -> Any:
        return client.tables.list_columns("account", filter="AttributeType eq 'Money'")

    columns = await in_client(addresses, work)
    assert {"creditlimit", "creditlimit_base"} <= {column["LogicalName"] for column in columns}
