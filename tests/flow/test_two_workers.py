"""Two workers on one account, interleaved at every step, as after a lost session lock."""

import asyncio
from collections.abc import Callable
from itertools import count, product

import pytest

from shared.model.change import AccountChange
from shared.wiring import Application
from tests.flow.world import World


class Worker:
    """A worker that can be held once, at a step of one's choice."""

    def __init__(self, world: World, step: int) -> None:
        self.held = asyncio.Event()
        self._go_on = asyncio.Event()
        self._step = step
        self._passed = count()
        self._world = world
        self._running: asyncio.Task[object] | None = None

    def hold_at(self, step: int) -> None:
        """Count the steps anew, and be held at this one."""
        self._passed, self._step = count(), step

    async def gate(self, _: str) -> None:
        if next(self._passed) == self._step:
            self.held.set()
            await self._go_on.wait()

    async def start(self, change: AccountChange, application: Application | None = None) -> None:
        """Deliver the change, until the step or the end is reached."""
        delivery = self._world.deliver(change, application or self._world.application(self.gate))
        self._running = asyncio.create_task(delivery)
        waiting = asyncio.create_task(self.held.wait())
        await asyncio.wait({self._running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def finish(self) -> None:
        """Go on to the end."""
        self._go_on.set()
        assert self._running is not None
        await self._running


async def _held_while(
    world: World, step: int, first: AccountChange, meanwhile: Callable[[], AccountChange]
) -> bool:
    """Hold a worker at a step while another does all its work; whether the step was reached."""
    worker = Worker(world, step)
    await worker.start(first)
    await world.deliver(meanwhile())
    await worker.finish()
    await world.drain()
    return worker.held.is_set()


def _phone(world: World) -> object:
    customer = world.customer("A1")
    assert customer is not None
    assert len(world.operations.customers) == 1
    return customer["PrimaryContactPhone"]


@pytest.mark.parametrize("known", [False, True], ids=["first write", "known customer"])
@pytest.mark.parametrize("wait", [0, 30, 1000], ids=["at once", "later", "after the lease"])
async def test_the_last_save_wins_whichever_worker_is_slower(known: bool, wait: float) -> None:
    step = 0
    for step in count():
        world = World()
        if known:
            await world.sync(world.save("A1"))
            world.clock.advance(1000)
        first = world.save("A1", telephone1="old")

        def meanwhile(world: World = world) -> AccountChange:
            world.clock.advance(wait)
            return world.save("A1", telephone1="new")

        held = await _held_while(world, step, first, meanwhile)
        assert _phone(world) == "new", step
        assert world.state("A1").lease is None, step
        if not held:
            break
    assert step > 8


async def test_neither_worker_undoes_the_other_when_both_are_held() -> None:
    """The account goes from old to new and back to old; each worker has read another of the three."""
    for one, other in product(range(14), range(14)):
        world = World()
        await world.sync(world.save("A1", telephone1="old"))
        world.clock.advance(1000)
        first, second = Worker(world, one), Worker(world, other)
        await first.start(world.save("A1", telephone1="new"))
        world.clock.advance(20)
        await second.start(world.save("A1", telephone1="old"))
        await first.finish()
        await second.finish()
        await world.drain()
        assert _phone(world) == "old", (one, other)


async def test_while_one_worker_writes_the_other_waits_and_sends_nothing() -> None:
    world = World()
    worker = Worker(world, step=-1)
    change = world.save("A1")
    step = 0
    for step in count():
        worker = Worker(world := World(), step)
        await worker.start(change := world.save("A1"))
        if "POST" in world.operations.requests:
            break
    before = list(world.operations.requests)
    outcome = await world.deliver(world.event("A1"))
    assert (outcome.ending, outcome.detail) == ("retrying", "another worker is writing")
    assert world.operations.requests == before
    assert world.queue.sent[-1].attempt == 0
    await worker.finish()
    await world.drain()
    assert world.state("A1").customer is not None
    assert change.attempt == 0


async def test_two_accounts_of_one_number_never_share_a_customer() -> None:
    step = 0
    for step in count():
        world = World()
        first = world.save("A1", accountnumber="N1", name="Account")
        second = world.save("A2", accountnumber="n1 ", name="Account")
        held = await _held_while(world, step, first, lambda second=second: second)
        owners = [world.state(name).customer for name in ("A1", "A2")]
        assert sum(owner is not None for owner in owners) == 1, step
        assert len(world.operations.customers) == 1, step
        loser = "A2" if owners[0] else "A1"
        assert world.state(loser).issue == "NumberTaken", step
        if not held:
            break


async def test_a_worker_that_was_overtaken_leaves_no_row_of_an_account_that_is_not_parked() -> None:
    world = World()
    change = world.save("A1", "Yen")
    endings: list[str] = []

    async def the_currency_is_corrected(step: str) -> None:
        if step == "before states.put" and not endings:
            world.clock.advance(1)
            endings.append((await world.deliver(world.save("A1", "Euro"))).ending)

    await world.deliver(change, world.application(the_currency_is_corrected))
    await world.drain()
    assert endings == ["created"]
    assert world.state("A1").issue is None
    assert world.issues.rows == {}
