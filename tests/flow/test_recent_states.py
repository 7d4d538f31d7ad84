"""A worker that remembers an account's state reads no row, and writes nothing over another worker's work."""

from dataclasses import replace
from datetime import timedelta

from shared.model.change import ChangeKind
from shared.model.outcome import Ending
from shared.wiring import Application
from tests.flow.test_two_workers import Worker
from tests.flow.world import World, account


class Steps:
    """A gate that notes the steps, and can hold a worker like those of the other tests."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def __call__(self, step: str) -> None:
        self.made.append(step)

    @property
    def reads(self) -> int:
        return self.made.count("before states.get")


async def _remembering(world: World) -> tuple[Application, Steps]:
    """A worker that has written account A1, a while ago."""
    steps = Steps()
    worker = world.application(steps)
    await world.deliver(world.save("A1", telephone1="1"), worker)
    world.clock.advance(30)
    steps.made.clear()
    return worker, steps


def _values(world: World) -> tuple[object, object]:
    customer = world.customer("A1")
    assert customer is not None
    assert len(world.operations.customers) == 1
    return customer["OrganizationName"], customer["PrimaryContactPhone"]


async def test_an_event_of_an_account_that_was_stored_lately_reads_no_row() -> None:
    world = World()
    worker, steps = await _remembering(world)
    same = await world.deliver(world.save("A1", telephone1="1"), worker)
    world.clock.advance(30)
    other = await world.deliver(world.save("A1", telephone1="2"), worker)
    assert (same.ending, other.ending, steps.reads) == (Ending.UNCHANGED, Ending.UPDATED, 0)
    assert _values(world)[1] == "2"


async def test_events_of_a_burst_and_late_ones_read_no_row() -> None:
    world = World()
    worker, steps = await _remembering(world)
    await world.deliver(world.save("A1", telephone1="2"), worker)
    merged = [await world.deliver(world.save("A1", telephone1=str(n)), worker) for n in range(3, 6)]
    late = replace(world.event("A1"), occurred_at=world.clock.now() - timedelta(hours=1))
    covered = await world.deliver(late, worker)
    assert [outcome.ending for outcome in merged] == [Ending.MERGED] * 3
    assert (covered.ending, steps.reads) == (Ending.COVERED, 0)
    await world.drain()
    assert _values(world)[1] == "5"


async def test_what_is_remembered_is_forgotten_after_a_minute() -> None:
    world = World()
    worker, steps = await _remembering(world)
    world.clock.advance(31)
    await world.deliver(world.save("A1", telephone1="2"), worker)
    assert steps.reads == 1


async def test_checks_of_the_app_and_deletions_read_the_row() -> None:
    world = World()
    worker, steps = await _remembering(world)
    await world.deliver(world.check("A1", verify=False), worker)
    await world.deliver(world.event("A1", ChangeKind.DELETE), worker)
    assert steps.reads == 2


async def test_an_old_memory_loses_nothing_of_what_another_worker_wrote() -> None:
    world = World()
    worker, _ = await _remembering(world)
    await world.deliver(world.save("A1", telephone1="2"))
    world.clock.advance(10)
    first = await world.deliver(world.save("A1", name="New"), worker)
    world.clock.advance(5)
    second = await world.deliver(world.take(), worker)
    assert (first.ending, second.ending) == (Ending.RETRYING, Ending.UPDATED)
    assert _values(world) == ("New", "2")
    assert world.state("A1").settled


async def test_an_old_memory_that_finds_nothing_to_do_ends_by_the_row() -> None:
    world = World()
    worker, _ = await _remembering(world)
    await world.deliver(world.save("A1", telephone1="2"))
    world.save("A1", telephone1="1")
    world.clock.advance(30)
    assert (await world.deliver(world.event("A1"), worker)).ending is Ending.RETRYING
    await world.drain()
    assert _values(world)[1] == "1"


async def test_an_account_that_was_parked_is_read_anew() -> None:
    world = World()
    worker, steps = await _remembering(world)
    await world.deliver(world.save("A1", "Yen"), worker)
    steps.made.clear()
    world.clock.advance(30)
    assert (await world.deliver(world.save("A1", "Euro", telephone1="2"), worker)).ending is Ending.UPDATED
    assert steps.reads == 1
    assert world.state("A1").issue is None


async def test_a_worker_with_an_old_memory_that_is_held_at_any_step_loses_nothing() -> None:
    step, reached = 0, True
    while reached:
        world = World()
        held = Worker(world, -1)
        worker = world.application(held.gate)
        await world.deliver(world.save("A1", telephone1="1"), worker)
        world.clock.advance(30)
        held.hold_at(step)
        await held.start(world.save("A1", name="New"), worker)
        world.clock.advance(10)
        await world.deliver(world.save("A1", telephone1="2"))
        await held.finish()
        await world.drain()
        assert _values(world) == ("New", "2"), f"held at step {step}"
        assert world.state("A1").settled
        assert account("A1") in world.states.rows
        reached, step = held.held.is_set(), step + 1
    assert step > 8


async def test_who_remembers_an_older_state_judges_the_event_by_the_row_before_it_ends() -> None:
    """Sales was restored meanwhile, as another worker has seen: nobody but a person may accept that."""
    world = World()
    worker, _ = await _remembering(world)
    stored = world.states.rows[account("A1")]
    newer = replace(stored.state, version=(stored.state.version or 0) + 1_000_000)
    await world.states.put(newer, stored.etag)
    first = await world.deliver(world.event("A1"), worker)
    assert first.ending is Ending.RETRYING
    world.clock.advance(5)
    second = await world.deliver(world.take(), worker)
    assert (second.ending, "older version" in second.detail) == (Ending.RETRYING, True)
