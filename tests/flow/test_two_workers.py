"""Two workers on one account, interleaved at every step, as after a lost session lock."""

import asyncio
from itertools import count

import pytest

from shared.model.change import AccountChange
from tests.flow.world import World


async def _interleaved(world: World, first: AccountChange, step: int, second: AccountChange) -> bool:
    """Hold the first worker at a step while the second does all its work; then let it go on."""
    reached, go_on, passed = asyncio.Event(), asyncio.Event(), count()

    async def gate(_: str) -> None:
        if next(passed) == step:
            reached.set()
            await go_on.wait()

    running = asyncio.create_task(world.deliver(first, world.application(gate)))
    waiting = asyncio.create_task(reached.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    held = reached.is_set()
    waiting.cancel()
    await world.deliver(second)
    go_on.set()
    await running
    await world.drain()
    return held


@pytest.mark.parametrize("known", [False, True], ids=["first write", "known customer"])
async def test_two_workers_leave_the_last_state_of_the_account(known: bool) -> None:
    for step in count():
        world = World()
        if known:
            await world.sync(world.save("A1"))
            world.clock.advance(1000)
        first = world.save("A1", "Euro", telephone1="first")
        second = world.event("A1")
        world.sales.save(first.account_id, telephone1="second")
        held = await _interleaved(world, first, step, second)
        customer = world.customer("A1")
        assert customer is not None, step
        assert (customer["SalesCurrencyCode"], customer["PrimaryContactPhone"]) == ("EUR", "second"), step
        assert len(world.operations.customers) == 1, step
        assert world.state("A1").unconfirmed == frozenset(), step
        if not held:
            break
    assert step > 8


async def test_a_save_between_read_and_write_is_not_lost_to_the_slower_worker() -> None:
    """The first worker holds what it read; the account changes, and the second worker handles that."""
    for step in count():
        world = World()
        await world.sync(world.save("A1"))
        world.clock.advance(1000)
        first = world.save("A1", telephone1="old")
        reached, go_on, passed = asyncio.Event(), asyncio.Event(), count()

        async def gate(_: str, step: int = step, passed=passed, reached=reached, go_on=go_on) -> None:
            if next(passed) == step:
                reached.set()
                await go_on.wait()

        running = asyncio.create_task(world.deliver(first, world.application(gate)))
        waiting = asyncio.create_task(reached.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        held = reached.is_set()
        waiting.cancel()
        world.clock.advance(30)
        await world.deliver(world.save("A1", telephone1="new"))
        go_on.set()
        await running
        await world.drain()
        customer = world.customer("A1")
        assert customer is not None
        assert customer["PrimaryContactPhone"] == "new", step
        if not held:
            break


async def test_two_accounts_of_one_number_never_share_a_customer() -> None:
    for step in count():
        world = World()
        first = world.save("A1", accountnumber="N1", name="Account")
        second = world.save("A2", accountnumber="n1 ", name="Account")
        held = await _interleaved(world, first, step, second)
        owners = [world.state(name).customer for name in ("A1", "A2")]
        assert sum(owner is not None for owner in owners) == 1, step
        assert len(world.operations.customers) == 1, step
        loser = "A2" if owners[0] else "A1"
        assert world.state(loser).issue == "NumberTaken", step
        if not held:
            break
