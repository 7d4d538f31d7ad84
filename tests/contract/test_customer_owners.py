"""The port CustomerOwners: the fake and Azurite behave alike."""

import asyncio
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.model.customer import CustomerKey
from shared.model.faults import ConfigurationFault
from shared.ports import CustomerOwners
from shared.storage.owners import OwnerTable
from tests.contract.conftest import NewTables
from tests.fakes.tables import FakeOwners

KEY = CustomerKey("usmf", "C-1")
NASTY = [
    *("C/1", "a\\b", "50%", "#1?", "O'Neil", "''", "ü€", "😀", "a  b", "\u0081x", "..", ".", "%2F", "a%2Fb"),
    *("a/b", "=1+1", "x" * 20, "<&>", '"', "a|b", "İ", "straße"),
]


@pytest.fixture(params=["fake", "azurite", "memory"])
async def owners(request: pytest.FixtureRequest, new_tables: NewTables) -> CustomerOwners:
    return FakeOwners() if request.param == "fake" else OwnerTable(await new_tables[request.param]())


async def test_the_first_claim_gets_the_customer(owners: CustomerOwners) -> None:
    us, them = uuid4(), uuid4()
    assert await owners.claim(KEY, us) == us
    assert await owners.claim(KEY, us) == us
    assert await owners.claim(KEY, them) == us


async def test_of_claims_at_the_same_time_one_wins(owners: CustomerOwners) -> None:
    accounts = [uuid4() for _ in range(8)]
    answers = await asyncio.gather(*(owners.claim(KEY, account) for account in accounts))
    assert len(set(answers)) == 1
    assert answers[0] in accounts


async def test_a_released_customer_is_free_again(owners: CustomerOwners) -> None:
    us, them = uuid4(), uuid4()
    await owners.claim(KEY, us)
    assert await owners.release(KEY, us, "") is None
    assert await owners.claim(KEY, them) == them


async def test_releasing_nothing_is_no_fault(owners: CustomerOwners) -> None:
    assert await owners.release(KEY, uuid4(), "") is None


async def test_only_its_owner_releases_a_customer(owners: CustomerOwners) -> None:
    us, them = uuid4(), uuid4()
    await owners.claim(KEY, us)
    assert await owners.release(KEY, them, "") is None
    assert await owners.claim(KEY, them) == us


async def test_a_customer_is_not_released_before_all_who_wait_are_told(owners: CustomerOwners) -> None:
    us, first, second = uuid4(), uuid4(), uuid4()
    assert not await owners.wait(KEY, us, first), "there is no row to wait for"
    await owners.claim(KEY, us)
    assert not await owners.wait(KEY, second, first), "it is another's"
    assert await owners.wait(KEY, us, first)
    assert await owners.wait(KEY, us, first)
    assert await owners.waiting(KEY) == {first}
    told = await owners.release(KEY, us, "")
    assert told is not None
    assert told.accounts == {first}
    assert await owners.wait(KEY, us, first), "it was told, came too early, and waits again"
    again = await owners.release(KEY, us, told.version)
    assert again is not None
    assert again.accounts == {first}
    assert await owners.wait(KEY, us, second)
    both = await owners.release(KEY, us, again.version)
    assert both is not None
    assert both.accounts == {first, second}
    assert await owners.claim(KEY, first) == us
    assert await owners.release(KEY, us, both.version) is None
    assert await owners.claim(KEY, first) == first
    assert await owners.waiting(KEY) == frozenset()


async def test_of_two_heirs_one_succeeds(owners: CustomerOwners) -> None:
    us, first, second, waits = uuid4(), uuid4(), uuid4(), uuid4()
    assert not await owners.succeed(KEY, us, first)
    await owners.claim(KEY, us)
    await owners.wait(KEY, us, waits)
    answers = await asyncio.gather(owners.succeed(KEY, us, first), owners.succeed(KEY, us, second))
    assert sorted(answers) == [False, True]
    heir = first if answers[0] else second
    assert await owners.claim(KEY, uuid4()) == heir
    assert await owners.waiting(KEY) == {waits}


@pytest.mark.parametrize("same", [CustomerKey("USMF", "c-1"), CustomerKey(" usmf", "C-1  ")])
async def test_keys_are_compared_as_operations_compares_them(
    owners: CustomerOwners, same: CustomerKey
) -> None:
    us = uuid4()
    await owners.claim(KEY, us)
    assert await owners.claim(same, uuid4()) == us
    await owners.release(same, us, "")
    assert await owners.claim(KEY, uuid4()) != us


async def test_every_number_is_a_row_of_its_own(owners: CustomerOwners) -> None:
    accounts = {number: uuid4() for number in NASTY}
    for number, account in accounts.items():
        assert await owners.claim(CustomerKey("usmf", number), account) == account, number
    for number, account in accounts.items():
        assert await owners.claim(CustomerKey("usmf", number), uuid4()) == account, number
    for number, account in accounts.items():
        await owners.release(CustomerKey("usmf", number), account, "")
        other = uuid4()
        assert await owners.claim(CustomerKey("usmf", number), other) == other, number


async def test_companies_have_their_own_numbers(owners: CustomerOwners) -> None:
    us, them = uuid4(), uuid4()
    await owners.claim(KEY, us)
    assert await owners.claim(CustomerKey("demf", "C-1"), them) == them


async def test_a_second_key_is_never_taken_for_a_number(owners: CustomerOwners) -> None:
    us, them = uuid4(), uuid4()
    second = CustomerKey("usmf", "C-1", by="IdentificationNumber")
    await owners.claim(KEY, us)
    assert await owners.claim(second, them) == them
    await owners.release(second, them, "")
    assert await owners.claim(KEY, them) == us


async def test_a_missing_table_is_a_wrong_set_up(azurite: str) -> None:
    async with TableServiceClient.from_connection_string(azurite) as service:
        nowhere = OwnerTable(service.get_table_client("nowhere"))
        with pytest.raises(ConfigurationFault, match="TableNotFound"):
            await nowhere.claim(KEY, uuid4())


async def test_a_customer_number_leads_to_its_account_however_it_is_typed(owners: CustomerOwners) -> None:
    account_id, key = uuid4(), CustomerKey("usmf", "C/1 é")
    await owners.claim(key, account_id)
    assert await owners.by_number(" c/1 É") == [account_id]
    assert await owners.by_number("C") == []
    assert await owners.owner(CustomerKey("USMF", "c/1 é")) == account_id
    assert await owners.owner(CustomerKey("demf", "c/1 é")) is None
