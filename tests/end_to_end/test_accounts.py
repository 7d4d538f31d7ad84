"""What is done to accounts in Sales, seen in Operations."""

import httpx
import pytest

from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually


@pytest.mark.parametrize("route", ["queue", "webhook"])
async def test_an_account_created_in_sales_stands_in_operations_by_either_way_in(
    system: System, control: httpx.AsyncClient, route: str
) -> None:
    (await control.post("/settings", json={"via": route})).raise_for_status()
    number = system.number()
    account_id = await system.create(number, "Pound Sterling", name="Fourth Coffee", address1_city="Leeds")
    customer = await system.customer_with(number, SalesCurrencyCode="GBP")
    assert customer["dataAreaId"] == system.places.company
    assert customer["OrganizationName"] == "Fourth Coffee"
    assert customer["AddressCity"] == "Leeds"
    assert customer["CustomerGroupId"] == system.places.group
    await system.phase(account_id, "synced")
    sources = {line.source for line in await system.log(account_id)}
    assert sources == {"dataverse-queue" if route == "queue" else "webhook"}


async def test_an_account_created_in_sales_stands_in_operations(system: System) -> None:
    number = system.number()
    await system.create(number, "US Dollar")
    customer = await system.customer_with(number, SalesCurrencyCode="USD")
    assert customer["OrganizationName"] == f"Test {number}"


async def test_a_currency_whose_name_needs_escaping_is_found(
    system: System, control: httpx.AsyncClient
) -> None:
    number = system.number()
    await system.create(number, "Rand R/c #1")
    await system.customer_with(number, SalesCurrencyCode="ZAR")


async def test_a_change_is_written_and_leaves_other_fields_alone(system: System) -> None:
    number = system.number()
    account_id = await system.create(number, telephone1="+49 1", address1_city="Köln")
    before = await system.customer_with(number, PrimaryContactPhone="+49 1")
    await system.settled(account_id)
    await system.change(account_id, telephone1="+49 2")
    after = await system.customer_with(number, PrimaryContactPhone="+49 2")
    ignored = {"@odata.etag", "PrimaryContactPhone"}
    assert {k: v for k, v in after.items() if k not in ignored} == {
        k: v for k, v in before.items() if k not in ignored
    }


async def test_a_changed_currency_arrives_as_its_code(system: System) -> None:
    number = system.number()
    account_id = await system.create(number, "US Dollar")
    await system.customer_with(number, SalesCurrencyCode="USD")
    await system.change(account_id, **await system.in_currency("Euro"))
    await system.customer_with(number, SalesCurrencyCode="EUR")


async def test_an_unmapped_currency_parks_the_account_until_it_is_mapped(system: System) -> None:
    name = system.places.unmapped
    if not name:
        pytest.skip("no currency is known to be unmapped")
    number = system.number()
    account_id = await system.create(number, name)
    issue = await system.parked(account_id, "UnmappedCurrency")
    assert issue["Cause"] == "UnmappedCurrency"
    assert issue["Value"] == name.lower()
    assert "currency mapping" in issue["Remedy"]
    assert await system.customer(number) is None
    await _mapped_for_a_while(system, name, account_id, number)
    assert await system.row("Issues", issue["PartitionKey"], account_id) == {}


async def _mapped_for_a_while(system: System, name: str, account_id: str, number: str) -> None:
    table = system.tables.get_table_client("CurrencyMapping")
    key = {"PartitionKey": "currency", "RowKey": name.lower()}
    await table.upsert_entity({**key, "CurrencyCRM": name, "CurrencyAX": "BTN"})
    try:
        await eventually(
            lambda: system.state(account_id), lambda row: "LeaseOwner" not in row, "the account is free"
        )
        await system.change(account_id, telephone1="+975 1")
        await system.customer_with(number, SalesCurrencyCode="BTN")
        await system.phase(account_id, "synced")
    finally:
        await table.delete_entity(partition_key="currency", row_key=name.lower())


async def test_deleting_an_account_blocks_its_customer(system: System) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.customer_with(number, OnHoldStatus="No")
    await system.settled(account_id)
    await system.delete(account_id)
    await system.customer_with(number, OnHoldStatus="All")
    await system.phase(account_id, "deleted")


async def test_deactivating_an_account_blocks_its_customer_and_reactivating_releases_it(
    system: System,
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.customer_with(number, OnHoldStatus="No")
    await system.change(account_id, statecode=1)
    await system.customer_with(number, OnHoldStatus="All")
    await system.change(account_id, statecode=0)
    await system.customer_with(number, OnHoldStatus="No")


async def test_two_accounts_with_one_number_do_not_share_a_customer(system: System) -> None:
    number = system.number()
    await system.create(number, name="The first")
    await system.customer_with(number, OrganizationName="The first")
    second = await system.create(number, name="The second")
    await system.parked(second, "NumberTaken")
    customer = await system.customer(number)
    assert customer is not None
    assert customer["OrganizationName"] == "The first"
