"""The newest run of each kind: the fake and Azurite behave alike."""

import pytest

from shared.model.faults import StateConflict
from shared.model.page import RunKind
from shared.ports.pages import Runs
from shared.storage.runs import RunTable
from tests.contract.conftest import NewTable
from tests.fakes.runs import FakeRuns


@pytest.fixture(params=["fake", "azurite"])
async def runs(request: pytest.FixtureRequest, new_table: NewTable) -> Runs:
    return FakeRuns() if request.param == "fake" else RunTable(await new_table())


async def test_each_kind_has_a_document_of_its_own(runs: Runs) -> None:
    await runs.write(RunKind.LOAD, "one", None)
    assert await runs.read(RunKind.RECONCILE) is None
    await runs.write(RunKind.RECONCILE, "two", None)
    load, comparison = await runs.read(RunKind.LOAD), await runs.read(RunKind.RECONCILE)
    assert (load and load.document, comparison and comparison.document) == ("one", "two")


async def test_only_who_read_the_newest_document_replaces_it(runs: Runs) -> None:
    first = await runs.write(RunKind.LOAD, "first", None)
    second = await runs.write(RunKind.LOAD, "second", first)
    for etag in (first, None):
        with pytest.raises(StateConflict):
            await runs.write(RunKind.LOAD, "late", etag)
    stored = await runs.read(RunKind.LOAD)
    assert stored is not None
    assert stored == ("second", second)


async def test_a_document_longer_than_a_property_comes_back_whole(runs: Runs) -> None:
    long = "".join(f"{number}," for number in range(20_000))
    etag = await runs.write(RunKind.LOAD, long, None)
    stored = await runs.read(RunKind.LOAD)
    assert stored is not None
    assert stored.document == long
    await runs.write(RunKind.LOAD, "short again", etag)
    stored = await runs.read(RunKind.LOAD)
    assert stored is not None
    assert stored.document == "short again"
