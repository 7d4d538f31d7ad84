"""Every cause has a way out: do what its remedy says, and the account is in line with its customer."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from shared.model.change import AccountChange
from shared.model.customer import CustomerKey, FieldValue
from shared.model.faults import AccountFault, System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.model.state import Lease, Phase, Stored
from shared.resilience.replay import Asked
from shared.resilience.unlink import NothingToUnlink, StillOpen, Unlinked
from tests.fakes.dynamics import CommittedError
from tests.flow.world import ORGANIZATION, Crash, Gate, World, account

ASSIGNED = str(Path(__file__).with_name("assigned.toml"))
LOST = TransientFault(System.OPERATIONS, "no answer", unknown_outcome=True)
ASKED = Asked("anna", "as the remedy says")
A1, A2 = CustomerKey("USMF", "A1"), CustomerKey("USMF", "A2")


async def _parked(world: World, name: str, cause: str, /, **columns: object) -> None:
    world.clock.advance(60)
    await world.sync(world.save(name, **columns))
    assert world.state(name).issue == cause


async def _replay(world: World, name: str) -> None:
    world.clock.advance(60)
    assert await world.application().replay.account(account(name), ASKED)
    await world.drain()


async def _unlink(world: World, name: str) -> object:
    world.clock.advance(60)
    answer = await world.application().unlink.account(account(name), ASKED)
    await world.drain()
    return answer


def _rename(world: World, old: CustomerKey, new: CustomerKey) -> None:
    """As a person renames the primary key in Operations."""
    world.operations.customers[new] = world.operations.customers.pop(old)


def _assert_in_line(world: World, name: str, number: str, /, **fields: object) -> None:
    state, customer = world.state(name), world.customer(number)
    assert (state.phase, state.issue, state.lease, state.intent) == (Phase.SYNCED, None, None, None)
    assert state.customer is not None
    assert state.customer.same_as(CustomerKey("usmf", number))
    assert world.owners.rows[CustomerKey("USMF", number)] == account(name)
    assert customer is not None
    assert {"OnHoldStatus": "No", **fields}.items() <= customer.items()
    assert not any(of == account(name) for _, of in world.issues.rows), "its issue is gone"


# --- KeyChanged


async def _renamed_in_sales() -> World:
    world = World()
    await world.sync(world.save("A1"))
    await _parked(world, "A1", "KeyChanged", accountnumber="A2", telephone1="1")
    return world


async def test_key_changed_set_back_in_sales() -> None:
    world = await _renamed_in_sales()
    await world.sync(world.save("A1", accountnumber="A1"))
    _assert_in_line(world, "A1", "A1", PrimaryContactPhone="1")


@pytest.mark.parametrize("existing", ["match", "park"])
async def test_key_changed_renamed_in_operations_and_replayed(existing: str) -> None:
    world = await _renamed_in_sales()
    world.settings["existing_customer"] = existing
    _rename(world, A1, A2)
    await _replay(world, "A1")
    _assert_in_line(world, "A1", "A2", PrimaryContactPhone="1")
    assert list(world.owners.rows) == [A2]
    world.clock.advance(60)
    assert await world.sync(world.save("A1", telephone1="2")) == ["updated"]
    _assert_in_line(world, "A1", "A2", PrimaryContactPhone="2")
    assert len(world.operations.customers) == 1


def _stop_at(step: int) -> Gate:
    passed = count()

    async def gate(_: str) -> None:
        if next(passed) == step:
            raise Crash

    return gate


async def test_key_changed_renamed_in_operations_whatever_step_the_worker_dies_at() -> None:
    step = 0
    for step in count():
        world = await _renamed_in_sales()
        await _parked(world, "B", "NumberTaken", accountnumber="A1")
        _rename(world, A1, A2)
        world.clock.advance(60)
        check = world.check("A1")
        try:
            await world.deliver(check, world.application(_stop_at(step)))
        except Crash:
            await world.drain()  # the account that waits for the number may come first
            await world.queue.send(check)
            await world.drain()
        else:
            await world.drain()
            break
        await world.application().heal.run()  # takes away the issue of whoever died before he did
        await world.drain()
        _assert_in_line(world, "A1", "A2", PrimaryContactPhone="1")
        _assert_in_line(world, "B", "A1")
        assert set(world.owners.rows) == {A1, A2}
    assert step > 8


async def test_key_changed_stays_while_the_customer_stands_under_its_old_number() -> None:
    world = await _renamed_in_sales()
    world.operations.customers[A2] = {"OrganizationName": "Account A1", "OnHoldStatus": "No"}
    await _replay(world, "A1")
    assert world.state("A1").issue == "KeyChanged"
    assert world.customer("A2") == {"OrganizationName": "Account A1", "OnHoldStatus": "No"}


async def test_key_changed_never_follows_to_the_customer_of_a_stranger() -> None:
    world = await _renamed_in_sales()
    stranger: dict[str, FieldValue] = {"OrganizationName": "Stranger", "OnHoldStatus": "No"}
    world.operations.customers = {A2: dict(stranger)}
    await _replay(world, "A1")
    assert world.state("A1").issue == "CustomerExists"
    assert world.customer("A2") == stranger


async def test_key_changed_never_follows_to_the_customer_of_another_account() -> None:
    world = await _renamed_in_sales()
    await world.sync(world.save("A2"))
    del world.operations.customers[A1]
    await _replay(world, "A1")
    assert world.state("A1").issue in {"NumberTaken", "CustomerExists"}
    _assert_in_line(world, "A2", "A2")


async def test_key_changed_and_removed_in_operations_is_made_anew_under_the_new_number() -> None:
    world = await _renamed_in_sales()
    world.operations.customers.clear()
    await _replay(world, "A1")
    _assert_in_line(world, "A1", "A2", PrimaryContactPhone="1")
    assert list(world.owners.rows) == [A2]


async def test_key_changed_unlinked_gets_a_customer_of_the_new_number() -> None:
    world = await _renamed_in_sales()
    assert isinstance(await _unlink(world, "A1"), Unlinked)
    _assert_in_line(world, "A1", "A2", PrimaryContactPhone="1")
    assert list(world.owners.rows) == [A2]


# --- NumberTaken


async def _taken() -> World:
    world = World()
    await world.sync(world.save("A1"))
    await _parked(world, "B", "NumberTaken", accountnumber="A1")
    return world


async def test_number_taken_given_a_number_of_its_own() -> None:
    world = await _taken()
    world.clock.advance(60)
    await world.sync(world.save("B", accountnumber="B"))
    _assert_in_line(world, "B", "B")
    _assert_in_line(world, "A1", "A1")


async def test_number_taken_heals_itself_once_the_other_account_moved_away() -> None:
    world = await _taken()
    await _parked(world, "A1", "KeyChanged", accountnumber="A2")
    _rename(world, A1, A2)
    await _replay(world, "A1")
    _assert_in_line(world, "A1", "A2")
    _assert_in_line(world, "B", "A1", OrganizationName="Account B")


async def test_number_taken_heals_itself_once_the_other_account_is_unlinked() -> None:
    world = await _taken()
    await world.sync(world.save("B", name="Account A1"))
    world.sales.save(account("A1"), accountnumber="A9")
    assert isinstance(await _unlink(world, "A1"), Unlinked)
    _assert_in_line(world, "B", "A1")
    _assert_in_line(world, "A1", "A9")


async def test_number_taken_heals_itself_once_the_other_creation_came_to_nothing() -> None:
    world = World()
    world.operations.script = [
        TransientFault(System.OPERATIONS, "answered 429", retry_after=100.0),
        AccountFault(Problem(Cause.REFUSED, field="CustomerGroupId", status=400)),
    ]
    await world.deliver(world.save("A1"))
    await world.deliver(world.save("B", accountnumber="A1"))
    assert world.state("B").issue == "NumberTaken"
    await world.drain()
    assert world.state("A1").issue == "RefusedByErp"
    _assert_in_line(world, "B", "A1")


@pytest.mark.parametrize("order", ["deleted first", "created first"])
@pytest.mark.parametrize("on_delete", ["block", "ignore"])
@pytest.mark.parametrize("held", ["No", "Invoice"])
async def test_number_taken_after_delete_and_create_under_the_same_number(
    order: str, on_delete: str, held: str
) -> None:
    world = World(settings={"on_delete": on_delete})
    await world.sync(world.save("A1"))
    world.operations.customers[A1]["OnHoldStatus"] = held
    world.clock.advance(60)
    deleted = world.delete("A1")
    created = world.save("B", accountnumber="A1", name="Account A1", telephone1="2")
    events = [deleted, created] if order == "deleted first" else [created, deleted]
    await world.sync(*events)
    _assert_in_line(world, "B", "A1", PrimaryContactPhone="2", OnHoldStatus=held)
    assert world.state("A1").phase is Phase.DELETED
    assert world.state("A1").customer is None
    assert len(world.operations.customers) == 1
    world.clock.advance(60)
    await world.sync(world.save("A1", accountnumber="A1", name="Account A1"))  # restored
    assert world.state("A1").issue == "NumberTaken"
    world.clock.advance(60)
    await world.sync(world.delete("A1"))
    _assert_in_line(world, "B", "A1", OnHoldStatus=held)


async def test_number_taken_succession_whatever_step_the_worker_dies_at() -> None:
    step = 0
    for step in count():
        world = World()
        await world.sync(world.save("A1"))
        world.operations.customers[A1]["OnHoldStatus"] = "Invoice"
        world.clock.advance(60)
        await world.sync(world.delete("A1"))
        assert world.operations.customers[A1]["OnHoldStatus"] == "All"
        created = world.save("B", accountnumber="A1", name="Account A1")
        try:
            await world.deliver(created, world.application(_stop_at(step)))
        except Crash:
            await world.queue.send(created)
            await world.drain()
        else:
            await world.drain()
            break
        await world.application().heal.run()
        await world.drain()
        _assert_in_line(world, "B", "A1", OnHoldStatus="Invoice")
        assert world.state("A1").customer is None, step
    assert step > 8


@pytest.mark.parametrize(("existing", "name"), [("match", "Another name"), ("park", "Account A1")])
@pytest.mark.parametrize("way_out", ["adopted", "unlinked"])
async def test_the_customer_of_a_deleted_account_is_judged_as_any_that_exists(
    existing: str, name: str, way_out: str
) -> None:
    world = World(settings={"existing_customer": existing})
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    await world.sync(world.delete("A1"))
    before = dict(world.operations.customers[A1])
    await world.sync(world.save("B", accountnumber="A1", name=name))
    assert world.state("B").issue == "NumberTaken"
    assert world.operations.customers[A1] == before
    assert world.owners.rows[A1] == account("A1")
    if way_out == "unlinked":
        assert isinstance(await _unlink(world, "A1"), Unlinked)
        assert world.state("B").issue == "CustomerExists"
        assert world.operations.customers[A1] == before
    world.settings["existing_customer"] = "adopt"
    await _replay(world, "B")
    blocked = "All" if way_out == "unlinked" else "No"  # nobody knows any more what it was before
    _assert_in_line(world, "B", "A1", OrganizationName=name, OnHoldStatus=blocked)


async def test_the_customer_of_an_account_that_lives_is_never_passed_on() -> None:
    world = World(settings={"existing_customer": "adopt"})
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    await world.sync(world.save("A1", statecode=1))
    await _parked(world, "B", "NumberTaken", accountnumber="A1")
    assert world.state("A1").customer is not None


# --- CustomerGone, AccountNotFound


async def _gone() -> tuple[World, dict[CustomerKey, dict[str, FieldValue]]]:
    world = World(field_map=ASSIGNED, settings={"write_back_customer_account": True})
    await world.sync(world.save("A1", accountnumber=None))
    kept = {key: dict(fields) for key, fields in world.operations.customers.items()}
    world.operations.customers.clear()
    await _parked(world, "A1", "CustomerGone", telephone1="1")
    return world, kept


async def test_customer_gone_restored_in_operations_and_replayed() -> None:
    world, kept = await _gone()
    world.operations.customers = kept
    await _replay(world, "A1")
    _assert_in_line(world, "A1", "C-000001", PrimaryContactPhone="1")


async def test_customer_gone_unlinked_gets_a_new_customer() -> None:
    world, _ = await _gone()
    assert await _unlink(world, "A1") == Unlinked(CustomerKey("usmf", "C-000001"))
    _assert_in_line(world, "A1", "C-000002", PrimaryContactPhone="1")
    assert world.sales.rows[account("A1")].columns["accountnumber"] == "C-000002"
    assert CustomerKey("USMF", "C-000001") not in world.owners.rows
    assert [entry.note for entry in world.state("A1").log if entry.outcome == "unlinked"] == [
        "anna: as the remedy says"
    ]


async def test_account_not_found_unlinked_ends_and_frees_the_number() -> None:
    world = World()
    await world.sync(world.save("A1"))
    world.sales.delete(account("A1"))
    world.clock.advance(60)
    await world.sync(world.event("A1"))
    assert world.state("A1").issue == "AccountNotFound"
    await _parked(world, "B", "NumberTaken", accountnumber="A1", name="Account A1")
    assert isinstance(await _unlink(world, "A1"), Unlinked)
    state = world.state("A1")
    assert (state.phase, state.issue, state.customer) == (Phase.FILTERED, None, None)
    _assert_in_line(world, "B", "A1")


async def test_customer_exists_made_equal_or_adopted() -> None:
    world = World()
    for key in (A1, A2):
        world.operations.customers[key] = {"OrganizationName": "Old name", "OnHoldStatus": "No"}
    await _parked(world, "A1", "CustomerExists")
    await _parked(world, "A2", "CustomerExists")
    world.operations.customers[A1]["OrganizationName"] = "Account A1"
    await _replay(world, "A1")
    _assert_in_line(world, "A1", "A1")
    world.settings["existing_customer"] = "adopt"
    await _replay(world, "A2")
    _assert_in_line(world, "A2", "A2", OrganizationName="Account A2")


# --- unlink


async def test_unlink_refuses_while_an_outcome_is_unknown() -> None:
    world = World()
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    world.operations.script = [CommittedError(LOST)]
    await world.deliver(world.save("A1", telephone1="1"))
    before = world.state("A1")
    until = before.unknown_until
    assert until is not None
    unlink = world.application().unlink
    assert await unlink.account(account("A1"), ASKED) == StillOpen(until)
    assert world.state("A1") == before
    await world.drain()
    assert isinstance(await _unlink(world, "A1"), Unlinked)


async def test_unlink_refuses_while_a_worker_holds_the_account() -> None:
    world = World()
    await world.sync(world.save("A1"))
    until = world.clock.now() + timedelta(seconds=100)
    stored = world.states.rows[account("A1")]
    held = replace(stored.state, lease=Lease(ORGANIZATION, until))
    world.states.rows[account("A1")] = Stored(held, stored.etag)
    assert await world.application().unlink.account(account("A1"), ASKED) == StillOpen(until)
    assert world.state("A1") == held


async def test_unlink_of_an_account_without_a_customer_changes_nothing() -> None:
    world = World()
    await world.sync(world.save("A1", "Yen"))
    before = world.state("A1")
    assert await _unlink(world, "A1") == NothingToUnlink()
    assert await _unlink(world, "A9") == NothingToUnlink()
    assert world.state("A1") == before


@pytest.mark.parametrize("numbers", ["given", "assigned"])
async def test_unlink_whatever_step_it_dies_at(numbers: str) -> None:
    field_map = ASSIGNED if numbers == "assigned" else "operations"
    step = 0
    for step in count():
        world = World(field_map=field_map)
        await world.sync(world.save("A1"))
        world.clock.advance(60)
        try:
            await world.application(_stop_at(step)).unlink.account(account("A1"), ASKED)
        except Crash:
            await _replay(world, "A1")
        else:
            break
        state = world.state("A1")
        assert (state.phase, state.lease, state.unknown_until) == (Phase.SYNCED, None, None), step
        assert len(world.operations.customers) == 1
        number = "C-000001" if numbers == "assigned" else "A1"
        _assert_in_line(world, "A1", number)
    assert step > 5


async def test_a_worker_waits_while_its_account_is_unlinked() -> None:
    world = World()
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    endings: list[str] = []

    async def event_comes(step: str) -> None:
        if step == "before owners.release" and not endings:
            endings.append((await world.deliver(world.save("A1", telephone1="1"))).detail)

    await world.application(event_comes).unlink.account(account("A1"), ASKED)
    assert endings == ["another worker is writing"]
    await world.drain()
    _assert_in_line(world, "A1", "A1", PrimaryContactPhone="1")


async def test_who_waits_for_a_number_is_told_again_if_the_check_came_too_early() -> None:
    """Whoever waits finds the number free in the end, although the check came before the row was gone."""
    world = await _taken()
    checks: list[AccountChange] = []

    async def comes_early(step: str) -> None:
        if step == "after queue.send" and not checks:
            world.clock.advance(30)
            checks.append(world.take())
            await world.deliver(checks[0])
            await world.deliver(world.save("C", accountnumber="A1"))

    world.sales.save(account("A1"), accountnumber="A9")
    world.operations.customers.clear()
    await world.application(comes_early).unlink.account(account("A1"), ASKED)
    assert [change.account_id for change in checks] == [account("B")]
    assert {world.state(name).issue for name in "BC"} == {"NumberTaken"}
    await world.drain()
    _assert_in_line(world, "A1", "A9")
    _assert_in_line(world, "B", "A1")
    checked = {change.account_id for change, _ in world.outcomes if change.source == "heal"}
    assert {account("B"), account("C")} <= checked


@pytest.mark.parametrize("cause", [Cause.REFUSED, "RefusedByOperations"])
async def test_an_account_that_version_1_parked_is_replayed_under_either_name(cause: str) -> None:
    world, old = World(), "RefusedByOperations"
    world.operations.script = [AccountFault(Problem(Cause.REFUSED, field="CustomerGroupId", status=400))]
    await world.sync(world.save("A1"))
    stored = world.states.rows[account("A1")]
    world.states.rows[account("A1")] = replace(stored, state=replace(stored.state, issue=old))
    row = world.issues.rows.pop(("RefusedByErp", account("A1")))
    world.issues.rows[old, account("A1")] = row
    assert await world.application().replay.parked(ASKED, cause) == 1
    await world.drain()
    assert world.endings()[-1] == "created"
    assert not world.issues.rows
