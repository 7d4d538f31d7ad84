"""The port Differences: the fake and the Table service behave alike."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.model.reconciliation import Difference, Kind
from shared.ports.reconciling import Differences
from shared.storage.findings import DifferenceTable
from tests.contract.conftest import NewTable
from tests.fakes.reconciling import FakeDifferences

OLD, NEW = "20261001T020000-aaaaaa", "20261122T020000-bbbbbb"


@pytest.fixture(params=["fake", "azurite"])
async def differences(request: pytest.FixtureRequest, new_table: NewTable) -> Differences:
    return FakeDifferences() if request.param == "fake" else DifferenceTable(await new_table())


def some(number: int) -> list[Difference]:
    return [Difference(UUID(int=one), Kind.DIFFERENT, ("Name", "City")) for one in range(1, number + 1)]


async def test_what_was_kept_is_read_in_the_order_of_the_accounts(differences: Differences) -> None:
    kept = [
        Difference(UUID(int=3), Kind.OWNED_TWICE, owner=UUID(int=9)),
        Difference(UUID(int=1), Kind.MISSING),
        Difference(UUID(int=2), Kind.PARKED, ("SalesCurrencyCode",), cause="UnmappedCurrency"),
    ]
    await differences.keep(NEW, kept)
    await differences.keep(OLD, some(1))
    await differences.keep(NEW, [])
    assert await differences.of_run(NEW) == sorted(kept, key=lambda one: one.account_id.int)
    assert await differences.of_run("another") == []


async def test_a_page_that_is_kept_again_changes_nothing(differences: Differences) -> None:
    for _ in range(2):
        await differences.keep(NEW, some(250))
    assert await differences.of_run(NEW) == some(250)


async def test_only_old_runs_are_removed(differences: Differences) -> None:
    await differences.keep(OLD, some(120))
    await differences.keep(NEW, some(3))
    await differences.remove_before(datetime(2026, 10, 31, tzinfo=UTC))
    assert await differences.of_run(OLD) == []
    assert await differences.of_run(NEW) == some(3)
