"""The port AccountRows: the fake and the Dataverse simulator behave alike."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest

from shared.dataverse.account_rows import DataverseAccountRows
from shared.field_maps import load_field_map
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.ports.reconciling import AccountRow, AccountRows
from tests.contract.conftest import Simulated
from tests.contract.test_account_reader import saver
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeSales
from tests.fakes.reconciling import FakeRows

MAP = load_field_map("operations")


class Listed(NamedTuple):
    """The port, and how a person saves accounts."""

    rows: AccountRows
    save: Callable[..., None]

    async def all(self, size: int) -> list[AccountRow]:
        found: list[AccountRow] = []
        while page := await self.rows.after(str(found[-1].account.version) if found else "", size):
            assert len(page) <= size
            found += page
        return found


@pytest.fixture(params=["fake", "simulator"])
async def listed(request: pytest.FixtureRequest, simulated: Simulated) -> Listed:
    if request.param == "fake":
        fake = FakeSales(FakeClock(datetime.now(UTC)))
        return Listed(FakeRows(fake), fake.save)
    simulated.start_anew()
    return Listed(DataverseAccountRows(simulated.client(System.DATAVERSE), MAP), saver(simulated))


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_pages_have_every_account_once_with_its_values(listed: Listed, size: int) -> None:
    saved = {uuid4(): f"C-{number}" for number in range(7)}
    for account_id, number in saved.items():
        listed.save(account_id, "Euro", name="Contoso Möbel", accountnumber=number)
    found = await listed.all(size)
    assert {row.account.account_id: row.account.columns["accountnumber"] for row in found} == saved
    assert len(found) == len(saved)
    for account, changed_at in found:
        assert account.currency is not None
        assert (account.currency.name, account.columns["name"]) == ("Euro", "Contoso Möbel")
        assert account.version > 0
        assert changed_at is not None
        assert abs((account.read_at - changed_at).total_seconds()) < 600


async def test_an_account_that_is_changed_during_the_walk_comes_again_and_none_is_left_out(
    listed: Listed,
) -> None:
    ids = [uuid4() for _ in range(5)]
    for account_id in ids:
        listed.save(account_id, name="Contoso", accountnumber=str(account_id)[:8])
    (first, _), second = await listed.rows.after("", 2), ids[1]
    assert first.account.account_id == ids[0]
    listed.save(ids[0], name="Changed", accountnumber="C-1")
    listed.save(ids[4], name="Changed", accountnumber="C-5")
    rest = await listed.rows.after(str(first.account.version), 10)
    assert [row.account.account_id for row in rest] == [second, ids[2], ids[3], ids[0], ids[4]]


async def test_without_accounts_the_first_page_is_empty(listed: Listed) -> None:
    assert await listed.rows.after("", 10) == []


async def test_those_that_exist_are_told_from_those_that_do_not(listed: Listed) -> None:
    there, gone = [uuid4() for _ in range(90)], [UUID(int=1), uuid4()]
    for account_id in there:
        listed.save(account_id, name="Contoso", accountnumber=str(account_id)[:8])
    assert await listed.rows.existing([*there, *gone]) == frozenset(there)
    assert await listed.rows.existing([]) == frozenset()


async def test_sales_that_refuses_or_is_away_is_a_fault(simulated: Simulated) -> None:
    simulated.start_anew()
    wrong = DataverseAccountRows(simulated.client(System.DATAVERSE, "wrong"), MAP)
    with pytest.raises(ConfigurationFault):
        await wrong.after("", 10)
    simulated.fault(System.DATAVERSE, "status", status=503)
    with pytest.raises(TransientFault):
        await DataverseAccountRows(simulated.client(System.DATAVERSE), MAP).after("", 10)
