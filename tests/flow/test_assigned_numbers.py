"""Operations assigns the numbers: the second key, the owner rows and the unknown outcome protect."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.change import AccountChange
from shared.model.customer import CustomerKey
from shared.model.faults import System, TransientFault
from tests.fakes.dynamics import CommittedError, CommittedLateError
from tests.flow.world import Crash, World, account

LOST = TransientFault(System.OPERATIONS, "no answer", unknown_outcome=True)
FIELD_MAP = str(Path(__file__).with_name("assigned.toml"))


def _world() -> World:
    return World(field_map=FIELD_MAP, settings={"write_back_customer_account": True})


def _save(world: World, name: str = "A1", **columns: object) -> AccountChange:
    return world.save(name, "Euro", **{"accountnumber": None, **columns})


def _one_customer(world: World) -> dict[str, object]:
    assert len(world.operations.customers) == 1
    ((key, fields),) = world.operations.customers.items()
    customer = world.state("A1").customer
    assert customer is not None
    assert customer.same_as(key)
    assert fields["IdentificationNumber"] == str(account("A1"))
    return dict(fields)


async def test_the_assigned_number_is_kept_and_written_back_once() -> None:
    world = _world()
    assert await world.sync(_save(world)) == ["created"]
    assert _one_customer(world)["SalesCurrencyCode"] == "EUR"
    assert world.sales.rows[account("A1")].columns["accountnumber"] == "C-000001"
    assert world.owners.rows[CustomerKey("USMF", "C-000001")] == account("A1")
    version = world.sales.version
    world.clock.advance(60)
    assert await world.sync(world.event("A1")) == ["unchanged"]
    assert world.sales.version == version


async def test_a_write_back_that_failed_is_made_good_later() -> None:
    world = _world()
    change = _save(world)

    async def gate(step: str) -> None:
        if step == "before reader.write_back":
            raise TransientFault(System.DATAVERSE, "answered 503")

    assert (await world.deliver(change, world.application(gate))).ending == "retrying"
    await world.drain()
    _one_customer(world)
    assert world.sales.rows[account("A1")].columns["accountnumber"] == "C-000001"


@pytest.mark.parametrize("committed", [True, False])
async def test_a_lost_answer_to_a_create_makes_no_second_customer(committed: bool) -> None:
    world = _world()
    late = world.clock.now() + timedelta(seconds=500)
    world.operations.script = [CommittedError(LOST) if committed else CommittedLateError(LOST, late)]
    await world.send(_save(world))
    await world.drain()
    _one_customer(world)


async def test_a_crash_at_any_step_makes_no_second_customer() -> None:
    step = 0
    for step in count():
        world = _world()
        change = _save(world)
        passed = count()

        async def gate(_: str, step: int = step, passed: Iterator[int] = passed) -> None:
            if next(passed) == step:
                raise Crash

        try:
            await world.deliver(change, world.application(gate))
        except Crash:
            await world.deliver(change)
            await world.drain()
            _one_customer(world)
            continue
        break
    assert step > 8


async def test_a_vanished_customer_is_parked_and_never_made_anew() -> None:
    world = _world()
    await world.sync(_save(world))
    world.operations.customers.clear()
    world.clock.advance(60)
    assert await world.sync(_save(world, telephone1="1", accountnumber="C-000001")) == ["parked"]
    assert world.state("A1").issue == "CustomerGone"
    assert world.operations.customers == {}


async def test_a_deleted_account_blocks_the_customer_it_was_given() -> None:
    world = _world()
    await world.sync(_save(world))
    world.clock.advance(60)
    await world.sync(world.delete("A1"))
    assert _one_customer(world)["OnHoldStatus"] == "All"


faults = st.sampled_from([LOST, CommittedError(LOST), CommittedLateError])


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(["A1", "A2"]), st.text("012", max_size=2)), min_size=1, max_size=6),
    st.lists(st.one_of(st.none(), faults), max_size=10),
    st.integers(1, 599),
)
async def test_whatever_answers_are_lost_each_account_has_one_customer(saves, broken, delay) -> None:
    world = _world()
    waiting = list(broken)

    def next_fault() -> Exception | None:
        fault = waiting.pop(0) if waiting else None
        if fault is CommittedLateError:
            return CommittedLateError(LOST, world.clock.now() + timedelta(seconds=delay))
        return fault

    world.operations.next_fault = next_fault
    for name, phone in saves:
        await world.queue.send(_save(world, name, telephone1=phone))
        world.clock.advance(7)
    await world.drain()
    last = dict(saves)
    by_account = {fields["IdentificationNumber"]: fields for fields in world.operations.customers.values()}
    assert len(world.operations.customers) == len(last) == len(by_account)
    for name, phone in last.items():
        assert by_account[str(account(name))]["PrimaryContactPhone"] == phone


async def test_a_later_and_shorter_unknown_outcome_does_not_end_an_earlier_one() -> None:
    """The setting was lowered in between, and a worker died: what was sent before may still commit."""
    world = _world()
    world.operations.script = [CommittedLateError(LOST, world.clock.now() + timedelta(seconds=500))]
    change = _save(world)
    await world.deliver(change)
    world.settings["longest_request_seconds"] = 30

    async def dies(step: str) -> None:
        if step == "after states.put":
            raise Crash

    world.clock.advance(10)
    with pytest.raises(Crash):
        await world.deliver(change, world.application(dies))
    world.clock.advance(190)
    await world.queue.send(world.event("A1"))
    await world.drain()
    _one_customer(world)
