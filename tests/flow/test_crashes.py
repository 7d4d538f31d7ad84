"""The pipeline stopped at every step and run again: nothing lost, nothing doubled, nothing wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from shared.model.change import AccountChange
from shared.model.customer import CustomerKey, FieldValue
from shared.model.faults import AccountFault, System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.sync.plan import NOT_FOUND_CHECKS
from tests.fakes.dynamics import CommittedError, CommittedLateError
from tests.flow.families import Families
from tests.flow.world import Crash, Gate, World, account

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


def park_for_another_cause(world: World) -> AccountChange:
    return world.save("A1", "Euro", name="")


def verify(world: World) -> AccountChange:
    customer = world.customer("A1")
    if customer is not None:
        customer["OrganizationName"] = "changed by hand"
    return world.check("A1")


async def _prepared(*before: Scenario) -> World:
    world = World()
    for scenario in before:
        await world.sync(scenario(world))
        world.clock.advance(1000)
    return world


def _stop_at(step: int) -> Gate:
    passed = count()

    async def gate(_: str) -> None:
        if next(passed) == step:
            raise Crash

    return gate


def _dies_at(place: str) -> Gate:
    """The worker dies at the step of this name, such as "before owners.claim"."""

    async def gate(step: str) -> None:
        if step == place:
            raise Crash

    return gate


async def _dead_at(place: str, world: World, change: AccountChange) -> None:
    with pytest.raises(Crash):
        await world.deliver(change, world.application(_dies_at(place)))


async def _crash_after(call: str, world: World, change: AccountChange) -> None:
    await _dead_at(f"after {call}", world, change)
    await world.queue.send(change)


def _field(world: World, name: str) -> FieldValue:
    """A field of the customer A1, which must be there."""
    customer = world.customer("A1")
    assert customer is not None
    return customer[name]


async def _crashed_at(step: int, world: World, change: AccountChange) -> bool:
    """Deliver once, stopped at the step; then deliver the same message again, as the broker would."""
    try:
        await world.deliver(change, world.application(_stop_at(step)))
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
        assert state.unknown_until is None, context
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
            await world.deliver(change, world.application(_stop_at(step)))
        except Crash:
            pass
        else:
            break
        key = CustomerKey("USMF", "A1")
        if "POST" in world.operations.requests:
            continue
        world.operations.customers[key] = {"OrganizationName": "Stranger", "OnHoldStatus": "No"}
        await world.deliver(change)
        await world.drain()
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
    assert _field(world, "PrimaryContactPhone") == "new"


async def test_after_a_lost_answer_a_value_set_back_is_sent_again_at_once() -> None:
    world = await _prepared(lambda w: w.save("A1", telephone1="right"))
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(world.save("A1", telephone1="wrong"))
    world.clock.advance(30)
    assert (await world.deliver(world.save("A1", telephone1="right"))).ending == "updated"
    assert _field(world, "PrimaryContactPhone") == "right"


async def test_a_customer_of_ours_is_known_again_under_another_name() -> None:
    """The create's answer was lost, and the account was renamed before the next attempt."""
    world = World()
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(create(world))
    world.clock.advance(30)
    await world.send(world.save("A1", name="Renamed"))
    await world.drain()
    assert _field(world, "OrganizationName") == "Renamed"


@pytest.mark.parametrize("then", [delete, deactivate, lambda w: w.save("A1", accountnumber="A2")])
async def test_a_create_that_never_began_gives_no_claim_to_a_stranger(then: Scenario) -> None:
    """The worker died after writing down what it meant to create, and before it owned the number."""
    world = World()
    stranger = {"OrganizationName": "Stranger", "OnHoldStatus": "No"}
    world.operations.customers[CustomerKey("USMF", "A1")] = dict(stranger)
    await _dead_at("before owners.claim", world, create(world))
    assert world.state("A1").intent == CustomerKey("usmf", "A1")
    world.clock.advance(1000)
    await world.send(then(world))
    await world.drain()
    assert world.customer("A1") == stranger
    customer = world.state("A1").customer
    assert customer is None or customer.number == "A2"


@pytest.mark.parametrize("gone", [deactivate, delete])
@pytest.mark.parametrize("version", [1, 2])
async def test_a_creation_that_never_began_leaves_neither_unknown_outcome_nor_number(
    gone: Scenario, version: int
) -> None:
    world = World()
    await _crash_after("owners.claim", world, create(world))
    if version == 1:  # whose rows do not say what was sent
        stored = world.states.rows[account("A1")]
        world.states.rows[account("A1")] = replace(stored, state=replace(stored.state, begun=()))
    await world.queue.send(gone(world))
    await world.drain()
    state = world.state("A1")
    assert (state.unknown_until, state.intent) == (None, None)
    assert world.owners.rows == {}


async def test_a_number_that_was_taken_leaves_no_unknown_outcome() -> None:
    world = World()
    await world.sync(create(world))
    await _crash_after("states.put", world, world.save("A2", accountnumber="A1"))
    await world.drain()
    state = world.state("A2")
    assert state.issue == "NumberTaken"
    assert (state.unknown_until, state.intent) == (None, None)


async def test_an_unknown_outcome_that_is_over_ends_with_the_next_check() -> None:
    world = await _prepared(create)
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(update(world))
    world.clock.advance(1000)  # and the verifying check is not delivered yet
    await world.deliver(world.event("A1"))
    assert world.state("A1").unknown_until is None


@pytest.mark.parametrize(
    ("columns", "ending"), [({"name": ""}, "parked"), ({"customertypecode": 9}, "filtered")]
)
async def test_an_unknown_outcome_ends_by_itself_though_the_customer_is_not_compared_any_more(
    columns: dict[str, Any], ending: str
) -> None:
    world = Families()
    await world.sync(world.child("A1", None))
    world.clock.advance(1000)
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(world.child("A1", None, name="Another"))
    await world.queue.send(world.child("A1", None, **columns))
    await world.drain()
    assert (world.state("A1").phase, world.state("A1").unknown_until) == (ending, None)


async def test_an_unknown_outcome_ends_by_itself_though_the_account_is_gone_without_an_event() -> None:
    world = await _prepared(create)
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(update(world))
    world.delete("A1")
    await world.queue.send(world.event("A1"))
    await world.drain()
    assert (world.state("A1").issue, world.state("A1").unknown_until) == ("AccountNotFound", None)


async def test_a_creation_whose_answer_was_lost_is_linked_though_the_account_is_parked_meanwhile() -> None:
    world = World()
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(create(world))
    await world.queue.send(world.save("A1", "Yen"))
    await world.drain()
    state = world.state("A1")
    assert state.phase == "parked"
    assert (state.customer, state.intent, state.unknown_until) == (CustomerKey("usmf", "A1"), None, None)


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
    assert (await world.deliver(replace(world.event("A1"), attempt=NOT_FOUND_CHECKS))).ending == "parked"
    await world.queue.send(gone)
    await world.drain()
    (customer,) = world.operations.customers.values()
    assert customer["OnHoldStatus"] == "All"
    assert world.state("A1").phase == "deleted"
    assert world.state("A1").unknown_until is None


async def test_a_stranger_who_was_faster_by_a_moment_is_never_taken_for_ours() -> None:
    """After a worker died, the look-up finds nothing, and yet the create meets a customer."""
    world = World()
    change = create(world)

    async def stranger_comes(step: str) -> None:
        if step == "before target.create":
            world.operations.customers[CustomerKey("USMF", "A1")] = {"OrganizationName": "Stranger"}

    await _dead_at("before owners.claim", world, change)
    world.clock.advance(1000)
    await world.deliver(change, world.application(stranger_comes))
    await world.drain()
    assert world.customer("A1") == {"OrganizationName": "Stranger"}
    assert world.state("A1").issue == "CustomerExists"


async def test_a_customer_made_by_hand_after_a_refusal_is_not_taken_for_ours() -> None:
    """A worker died, Operations then refused the create, and a person made the customer."""
    world = World()
    change = create(world)
    await _dead_at("before owners.claim", world, change)
    world.clock.advance(1000)
    world.operations.script = [AccountFault(Problem(Cause.REFUSED, field="CustomerGroupId", status=400))]
    assert (await world.deliver(change)).ending == "parked"
    world.operations.customers[CustomerKey("USMF", "A1")] = {"OrganizationName": "Made by hand"}
    await world.drain()
    assert world.customer("A1") == {"OrganizationName": "Made by hand"}
    assert world.state("A1").issue == "CustomerExists"


STRANGER: dict[str, FieldValue] = {"OrganizationName": "Stranger", "OnHoldStatus": "No"}


def _stranger_comes(world: World, before: str, then: Gate) -> Gate:
    """A gate at which somebody else makes a customer of our number, before it does what `then` does."""

    async def gate(step: str) -> None:
        if step == before:
            world.operations.customers.setdefault(CustomerKey("USMF", "A1"), dict(STRANGER))
        await then(step)

    return gate


def _assert_left_alone(world: World, context: str) -> None:
    assert world.customer("A1") == STRANGER, context
    state = world.state("A1")
    assert state.issue == "CustomerExists", context
    assert (state.customer, state.intent, state.lease, state.unknown_until) == (None,) * 4, context
    assert world.owners.rows == {}, context


@pytest.mark.parametrize("comes", ["before states.get", "before target.create"])
@pytest.mark.parametrize("renamed", [False, True])
async def test_a_worker_that_dies_after_already_exists_leaves_no_claim_to_the_stranger(
    comes: str, renamed: bool
) -> None:
    met = 0
    for step in count():
        world = World()
        change = create(world)
        try:
            await world.deliver(change, world.application(_stranger_comes(world, comes, _stop_at(step))))
        except Crash:
            pass
        else:
            break
        if world.customer("A1") is None:
            continue
        met += 1
        await world.queue.send(world.save("A1", name="Renamed") if renamed else change)
        await world.drain()
        _assert_left_alone(world, f"{comes}, stopped at step {step}")
    assert met > 3


@pytest.mark.parametrize("call", ["owners.mark", "owners.release", "states.put", "issues.put"])
async def test_tables_that_fail_after_already_exists_leave_no_claim_to_the_stranger(call: str) -> None:
    world = World()

    async def tables_away(step: str) -> None:
        if step == f"before {call}" and world.customer("A1") is not None:
            raise TransientFault(System.TABLES, "no connection")

    change = create(world)
    await world.deliver(
        change, world.application(_stranger_comes(world, "before target.create", tables_away))
    )
    await world.drain()
    if world.state("A1").issue is None:
        await world.sync(world.event("A1"))
    _assert_left_alone(world, call)


async def test_a_deleted_account_never_blocks_the_customer_of_a_stranger_it_met() -> None:
    """The create's answer was lost, and it was a refusal: a stranger has the number."""
    world = World()
    world.operations.customers[CustomerKey("USMF", "A1")] = dict(STRANGER)

    async def answer_lost(step: str) -> None:
        if step == "before target.create":
            raise LOST

    await world.deliver(create(world), world.application(answer_lost))
    await world.queue.send(world.delete("A1"))
    await world.drain()
    assert world.customer("A1") == STRANGER
    assert world.state("A1").phase == "deleted"
    assert world.state("A1").unknown_until is None
    assert world.owners.rows == {}


async def test_of_two_creations_under_way_either_is_known_again() -> None:
    """The first commits late and is met by the second, whose body differs; then the account is renamed."""
    world = World()
    late = world.clock.now() + timedelta(seconds=20)
    world.operations.script = [CommittedLateError(LOST, late), LOST]
    await world.deliver(world.save("A1", name="First"))
    world.clock.advance(10)
    world.sales.save(account("A1"), name="Second")
    await world.deliver(world.check("A1"))
    world.clock.advance(20)
    await world.send(world.save("A1", name="Third"))
    await world.drain()
    assert _field(world, "OrganizationName") == "Third"
    assert world.state("A1").issue is None


async def test_a_customer_of_ours_is_known_again_by_what_was_sent() -> None:
    """The worker died after the ERP had made the customer, and the account was renamed."""
    world = World(settings={"existing_customer": "park"})
    await _crash_after("target.create", world, create(world))
    await world.queue.send(world.save("A1", name="Renamed"))
    await world.drain()
    assert _field(world, "OrganizationName") == "Renamed"


async def test_after_a_definite_no_the_same_values_prove_nothing() -> None:
    """A throttled create never ran: whoever made a customer with these values, it was not us."""
    world = World(settings={"existing_customer": "park"})
    world.operations.script = [TransientFault(System.OPERATIONS, "answered 429", retry_after=7.0)]
    await world.deliver(create(world))
    other = World()
    await other.sync(create(other))
    world.operations.customers = other.operations.customers
    await world.drain()
    assert world.state("A1").issue == "CustomerExists"


async def test_after_an_unknown_outcome_the_customer_is_looked_up_before_it_is_created() -> None:
    world = World()
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(create(world))
    await world.drain()
    assert world.operations.requests[:2] == ["POST", "GET"]
    assert world.operations.requests.count("POST") == 1


async def test_a_first_create_looks_nothing_up_and_looks_when_it_meets_a_customer() -> None:
    world = World()
    await world.sync(create(world))
    assert world.operations.requests == ["POST"]
    world.operations.customers[CustomerKey("USMF", "A2")] = {**STRANGER, "OrganizationName": "Account A2"}
    world.operations.requests.clear()
    assert await world.sync(world.save("A2")) == ["updated"]
    assert world.operations.requests == ["POST", "GET", "PATCH"]


@pytest.mark.parametrize("early", [1.5, 90])
async def test_a_verifying_check_that_comes_early_is_sent_again_for_after_the_unknown_outcome(
    early: float,
) -> None:
    world = await _prepared(create)
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(update(world))
    until = world.state("A1").unknown_until
    assert until is not None
    checks = [(due, change) for due, _, change in world.queue.waiting if change.verify]
    assert len(checks) == 1
    world.queue.waiting.clear()
    world.clock.advance_to(until - timedelta(seconds=early))
    check, delivered = checks[0][1], 0
    while world.state("A1").unknown_until is not None:
        await world.deliver(check)
        delivered += 1
        if (due := world.queue.next_due()) is None:
            break
        world.clock.advance_to(due - timedelta(seconds=early))  # the queue's clock is ahead
        check = world.queue.waiting.pop(0)[2]
    assert world.state("A1").unknown_until is None
    assert delivered <= 9


async def test_a_verifying_check_is_not_put_off_because_it_waited_often_before() -> None:
    """Each copy of a waiting message is counted in it; the two clocks have nothing to do with that."""
    world = await _prepared(create)
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(update(world))
    until = world.state("A1").unknown_until
    assert until is not None
    check = next(change for _, _, change in world.queue.waiting if change.verify)
    world.queue.waiting.clear()
    world.clock.advance_to(until - timedelta(seconds=3))
    await world.deliver(replace(check, hop=8))
    assert world.queue.next_due() == until + timedelta(seconds=5)


async def test_blocking_that_ends_an_unknown_outcome_keeps_what_was_seen_of_the_other_fields() -> None:
    """An older change commits late over a newer one; the account can only be blocked when that is seen."""
    world = await _prepared(create)
    world.operations.script = [CommittedLateError(LOST, world.clock.now() + timedelta(seconds=100))]
    await world.deliver(world.save("A1", telephone1="older"))
    world.clock.advance(30)
    await world.deliver(world.save("A1", telephone1="newer"))
    world.clock.advance(200)
    await world.deliver(world.save("A1", "Yen", statecode=1))
    await world.drain()
    assert world.state("A1").phase == "parked"
    assert world.state("A1").unknown_until is None
    world.clock.advance(60)
    await world.sync(world.save("A1", "US Dollar"))
    assert _field(world, "PrimaryContactPhone") == "newer"


@pytest.mark.parametrize("crash", [True, False], ids=["the worker dies", "the table is away"])
@pytest.mark.parametrize("then", [park_for_another_cause, update], ids=lambda scenario: scenario.__name__)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_issue_that_could_not_be_removed_at_once_is_removed_by_the_next_attempt(
    then: Scenario, when: str, crash: bool
) -> None:
    world = await _prepared(park)
    await world.send(then(world))

    async def gate(step: str) -> None:
        if step == f"{when} issues.remove":
            raise Crash if crash else TransientFault(System.TABLES, "answered 503")

    change = world.take()
    try:
        await world.deliver(change, world.application(gate))
    except Crash:
        world.clock.advance(1000)
        await world.deliver(change)
    await world.drain()
    issue = world.state("A1").issue
    assert [row.key for row in await world.issues.report()] == ([issue] if issue else [])
    assert (issue is None) is (then is update)


async def test_a_worker_that_dies_while_it_parks_leaves_no_row_of_an_account_that_is_not_parked() -> None:
    step = 0
    for step in count():
        world = World()
        change = world.save("A1", "Yen")
        try:
            await world.deliver(change, world.application(_stop_at(step)))
        except Crash:
            pass
        else:
            break
        world.clock.advance(1)
        world.save("A1", "Euro")
        world.clock.advance(60)
        await world.deliver(change)
        await world.drain()
        assert world.state("A1").issue is None, step
        assert world.issues.rows == {}, step
    assert step > 8, "the gates were passed"
