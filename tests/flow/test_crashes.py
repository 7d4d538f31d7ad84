"""The pipeline stopped at every step and run again: nothing lost, nothing doubled, nothing wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from shared.model.change import AccountChange
from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.sync import NOT_FOUND_LOOKS
from tests.fakes.dynamics import CommittedError, CommittedLateError
from tests.flow.world import Crash, World, account

ASSIGNED = str(Path(__file__).with_name("assigned.toml"))
LOST = TransientFault(System.OPERATIONS, "no answer", unknown_outcome=True)

type Scenario = Callable[[World], AccountChange]


def create(world: World) -> AccountChange:
    return world.save("A1", "Euro")


def update(world: World) -> AccountChange:
    return world.save("A1", "Pound Sterling", telephone1="2")


def deactivate(world: World) -> AccountChange:
    return world.save("A1", statecode=1)


def delete(world: World) -> AccountChange:
    return world.delete("A1")


def park(world: World) -> AccountChange:
    return world.save("A1", "Yen")


def verify(world: World) -> AccountChange:
    customer = world.customer("A1")
    if customer is not None:
        customer["OrganizationName"] = "changed by hand"
    return world.look("A1")


async def _prepared(*before: Scenario) -> World:
    world = World()
    for scenario in before:
        await world.sync(scenario(world))
        world.clock.advance(1000)
    return world


def _stop_at(step: int) -> Callable[[str], object]:
    passed = count()

    async def gate(_: str) -> None:
        if next(passed) == step:
            raise Crash

    return gate


async def _crashed_at(step: int, world: World, change: AccountChange) -> bool:
    """Deliver once, stopped at the step; then deliver the same message again, as the broker would."""
    try:
        await world.deliver(change, world.application(_stop_at(step)))  # pyright: ignore[reportArgumentType]
    except Crash:
        await world.deliver(change)
        await world.drain()
        return True
    await world.drain()
    return False


CASES: dict[str, tuple[tuple[Scenario, ...], Scenario, dict[str, object] | None]] = {
    "create": ((), create, {"SalesCurrencyCode": "EUR", "OnHoldStatus": "No"}),
    "update": ((create,), update, {"SalesCurrencyCode": "GBP", "PrimaryContactPhone": "2"}),
    "deactivate": ((create,), deactivate, {"SalesCurrencyCode": "EUR", "OnHoldStatus": "All"}),
    "reactivate": ((create, deactivate), lambda w: w.save("A1", statecode=0), {"OnHoldStatus": "No"}),
    "delete": ((create,), delete, {"OnHoldStatus": "All"}),
    "park": ((), park, None),
    "park a known one": ((create,), park, {"SalesCurrencyCode": "EUR"}),
    "release a parked one": ((park,), create, {"SalesCurrencyCode": "EUR"}),
    "verify": ((create,), verify, {"OrganizationName": "Account A1"}),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_crash_at_any_step_changes_nothing_about_the_end(case: str) -> None:
    before, scenario, expected = CASES[case]
    step = 0
    for step in count():
        world = await _prepared(*before)
        crashed = await _crashed_at(step, world, scenario(world))
        customer = world.customer("A1")
        context = f"{case}, stopped at step {step}"
        if expected is None:
            assert customer is None, context
            assert [key for key, _ in world.issues.rows] == ["UnmappedCurrency|yen"], context
        else:
            assert customer is not None, context
            assert expected.items() <= customer.items(), context
            assert len(world.operations.customers) == 1, context
        state = world.state("A1")
        assert state.lease is None, context
        assert state.doubtful_until is None, context
        if state.issue is not None:
            assert (state.issue, account("A1")) in world.issues.rows, context
        if not crashed:
            break
    assert step > 8, "the gates were passed"


async def test_a_crash_before_the_create_never_adopts_a_stranger() -> None:
    """Whoever made a customer of that number meanwhile: it is not taken for ours."""
    step = 0
    for step in count():
        world = World()
        change = create(world)
        try:
            await world.deliver(change, world.application(_stop_at(step)))  # pyright: ignore[reportArgumentType]
        except Crash:
            pass
        else:
            break
        key = CustomerKey("USMF", "A1")
        if "POST" in world.operations.requests:
            continue
        stage = world.owners.rows[key].stage if key in world.owners.rows else "claimed"
        world.operations.customers[key] = {"OrganizationName": "Stranger", "OnHoldStatus": "No"}
        await world.deliver(change)
        await world.drain()
        if stage == "claimed":
            assert world.customer("A1") == {"OrganizationName": "Stranger", "OnHoldStatus": "No"}, step


async def test_what_a_dead_worker_sent_is_repaired_when_it_commits_late() -> None:
    world = await _prepared(create)
    late = world.clock.now() + timedelta(seconds=500)
    world.operations.script = [CommittedLateError(Crash(), late)]
    with pytest.raises(Crash):
        await world.deliver(world.save("A1", telephone1="old"))
    world.clock.advance(60)
    await world.send(world.save("A1", telephone1="new"))
    await world.drain()
    customer = world.customer("A1")
    assert customer is not None
    assert customer["PrimaryContactPhone"] == "new"


async def test_after_a_lost_answer_a_value_set_back_is_sent_again_at_once() -> None:
    world = await _prepared(lambda w: w.save("A1", telephone1="right"))
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(world.save("A1", telephone1="wrong"))
    world.clock.advance(30)
    assert (await world.deliver(world.save("A1", telephone1="right"))).ending == "updated"
    customer = world.customer("A1")
    assert customer is not None
    assert customer["PrimaryContactPhone"] == "right"


async def test_a_customer_of_ours_is_known_again_under_another_name() -> None:
    """The create's answer was lost, and the account was renamed before the next try."""
    world = World()
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(create(world))
    world.clock.advance(30)
    await world.send(world.save("A1", name="Renamed"))
    await world.drain()
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OrganizationName"] == "Renamed"


@pytest.mark.parametrize("then", [delete, deactivate, lambda w: w.save("A1", accountnumber="A2")])
async def test_a_create_that_never_began_gives_no_claim_to_a_stranger(then: Scenario) -> None:
    """The worker died after writing down what it meant to create, and before it owned the number."""
    world = World()
    stranger = {"OrganizationName": "Stranger", "OnHoldStatus": "No"}
    world.operations.customers[CustomerKey("USMF", "A1")] = dict(stranger)
    change = create(world)

    async def gate(step: str) -> None:
        if step == "before owners.claim":
            raise Crash

    with pytest.raises(Crash):
        await world.deliver(change, world.application(gate))
    assert world.state("A1").intent == CustomerKey("usmf", "A1")
    world.clock.advance(1000)
    await world.send(then(world))
    await world.drain()
    assert world.customer("A1") == stranger
    customer = world.state("A1").customer
    assert customer is None or customer.number == "A2"


def _stop_after(call: str) -> Callable[[str], object]:
    async def gate(step: str) -> None:
        if step == f"after {call}":
            raise Crash

    return gate


async def _crash_after(call: str, world: World, change: AccountChange) -> None:
    with pytest.raises(Crash):
        await world.deliver(change, world.application(_stop_after(call)))  # pyright: ignore[reportArgumentType]
    await world.queue.send(change)


@pytest.mark.parametrize("gone", [deactivate, delete])
async def test_a_creation_that_never_began_leaves_neither_doubt_nor_number(gone: Scenario) -> None:
    world = World()
    await _crash_after("owners.claim", world, create(world))
    await world.queue.send(gone(world))
    await world.drain()
    state = world.state("A1")
    assert (state.doubtful_until, state.intent) == (None, None)
    assert world.owners.rows == {}


async def test_a_number_that_was_taken_leaves_no_doubt() -> None:
    world = World()
    await world.sync(create(world))
    await _crash_after("states.put", world, world.save("A2", accountnumber="A1"))
    await world.drain()
    state = world.state("A2")
    assert state.issue == "NumberTaken"
    assert (state.doubtful_until, state.intent) == (None, None)


async def test_a_doubt_that_was_parked_over_ends_with_the_next_try() -> None:
    world = await _prepared(create)
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(update(world))
    await world.queue.send(world.save("A1", "Yen"))
    await world.drain()
    assert world.state("A1").issue == "UnmappedCurrency|yen"
    world.mappings.set("Yen", "JPY")
    world.operations.currencies.add("JPY")
    world.clock.advance(60)
    await world.sync(world.event("A1"))
    state = world.state("A1")
    assert (state.phase, state.doubtful_until) == ("synced", None)


@pytest.mark.parametrize("numbers", ["given", "assigned"])
async def test_a_customer_whose_creation_could_not_be_noted_is_never_disowned(numbers: str) -> None:
    world = World(field_map=ASSIGNED if numbers == "assigned" else "operations")

    async def tables_away(step: str) -> None:
        if step.startswith("before owners.") and world.operations.customers:
            raise TransientFault(System.TABLES, "no connection")

    await world.deliver(create(world), world.application(tables_away))
    assert len(world.operations.customers) == 1
    world.clock.advance(10)
    gone = world.delete("A1")
    assert (await world.deliver(replace(world.event("A1"), attempt=NOT_FOUND_LOOKS))).ending == "parked"
    await world.queue.send(gone)
    await world.drain()
    (customer,) = world.operations.customers.values()
    assert customer["OnHoldStatus"] == "All"
    assert world.state("A1").phase == "deleted"
    assert world.state("A1").doubtful_until is None


async def test_a_stranger_who_was_faster_by_a_moment_is_never_taken_for_ours() -> None:
    """After a dead worker's doubt, the look finds nothing, and yet the create meets a customer."""
    world = World()
    change = create(world)

    async def dies(step: str) -> None:
        if step == "before owners.claim":
            raise Crash

    async def stranger_comes(step: str) -> None:
        if step == "before writer.create":
            world.operations.customers[CustomerKey("USMF", "A1")] = {"OrganizationName": "Stranger"}

    with pytest.raises(Crash):
        await world.deliver(change, world.application(dies))
    world.clock.advance(1000)
    await world.deliver(change, world.application(stranger_comes))
    await world.drain()
    assert world.customer("A1") == {"OrganizationName": "Stranger"}
    assert world.state("A1").issue == "CustomerExists"


async def test_a_customer_made_by_hand_after_a_refusal_is_not_taken_for_ours() -> None:
    """A dead worker left a doubt, Operations refused the create, and a person then made the customer."""
    world = World()
    change = create(world)

    async def dies(step: str) -> None:
        if step == "before owners.claim":
            raise Crash

    with pytest.raises(Crash):
        await world.deliver(change, world.application(dies))
    world.clock.advance(1000)
    world.operations.script = [AccountFault(Problem(Cause.REFUSED, field="CustomerGroupId", status=400))]
    assert (await world.deliver(change)).ending == "parked"
    world.operations.customers[CustomerKey("USMF", "A1")] = {"OrganizationName": "Made by hand"}
    await world.drain()
    assert world.customer("A1") == {"OrganizationName": "Made by hand"}
    assert world.state("A1").issue == "CustomerExists"
