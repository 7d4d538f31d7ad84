"""A run is cancelled: it ends where it stands, what it found is kept, and the next run may start."""

import pytest

from shared.load.cancel_reconcile import NoRunError, cancel_run
from shared.model.faults import StateConflict
from shared.model.page import RunKind
from shared.model.reconciliation import RunState
from shared.ports.pages import StoredRun
from tests.fakes.runs import FakeRuns
from tests.flow.reconciling import Comparing
from tests.flow.test_reconcile import planted, synced


async def test_a_cancelled_run_does_no_further_page_and_keeps_what_it_found() -> None:
    comparing = Comparing(await planted("operations"), 3)
    run = await comparing.reconcile().start("a person")
    for _ in range(2):
        page = comparing.pages.take_next()
        assert page is not None
        await comparing.reconcile().handle(page)
    found = await comparing.kept.of_run(run.id)
    assert found

    cancelled = await cancel_run(comparing.runs, comparing.world.clock, "ada")
    assert (cancelled.state, cancelled.reason) == (RunState.CANCELLED, "cancelled by ada")
    after, kept = await comparing.go_on(run.id)  # the message of the next page is still in the queue
    assert after == cancelled
    assert list(kept) == list(found)
    again = await comparing.reconcile().start("a person")
    assert again.id != run.id


async def test_without_a_run_that_goes_on_there_is_nothing_to_cancel() -> None:
    comparing = Comparing(await synced("operations", "a"), 200)
    with pytest.raises(NoRunError):
        await cancel_run(comparing.runs, comparing.world.clock, "ada")
    run, _ = await comparing.run()
    with pytest.raises(NoRunError):
        await cancel_run(comparing.runs, comparing.world.clock, "ada")
    assert await comparing.reconcile().newest() == run


class Busy(FakeRuns):
    """The app writes the row between each read and write of the person, so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def read(self, kind: RunKind) -> StoredRun | None:
        stored = await super().read(kind)
        if stored is not None and self.times > 0:
            self.times -= 1
            await self.write(kind, stored.document, stored.etag)
        return stored


@pytest.mark.parametrize("times", [3, 1000])
async def test_a_page_that_is_done_meanwhile_is_waited_out_but_not_for_ever(times: int) -> None:
    comparing = Comparing(await synced("operations", "a"), 200, runs=Busy(0))
    await comparing.reconcile().start("a person")
    busy = comparing.runs
    assert isinstance(busy, Busy)
    busy.times = times
    if times == 3:
        assert (await cancel_run(busy, comparing.world.clock, "ada")).state is RunState.CANCELLED
    else:
        with pytest.raises(StateConflict):
            await cancel_run(busy, comparing.world.clock, "ada")
