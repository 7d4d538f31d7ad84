"""Reconcile finds each planted difference, and no other; after a repair, none that a check puts right."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from shared.load.reconcile import FAILURES, GoesOnAlreadyError
from shared.model.customer import CustomerKey
from shared.model.faults import ConfigurationFault, QueueUnavailable, System, TransientFault
from shared.model.page import PageDue
from shared.model.reconciliation import Kind, RunState
from shared.model.state import Lease, Phase
from tests.flow.reconciling import Comparing, kinds, linked_to
from tests.flow.world import World, account

HOUR = 3600
ADDRESS = ("AddressCountryRegionISOCode", "AddressZipCode", "AddressCity")
ERPS: dict[str, dict[str, object]] = {
    "operations": {},
    "business-central": {
        "sent_together": ADDRESS,
        "changed_by_erp": frozenset(ADDRESS),
        "code_fields": frozenset({"AddressZipCode", "SalesCurrencyCode"}),
        "most_concurrent_requests": 5,
    },
    "nav": {"refuses_existing_number": False, "refused_create_may_exist": True},
}
FULL = {
    "telephone1": "1",
    "emailaddress1": "a@contoso.com",
    "address1_line1": "Street 1",
    "address1_city": "Oslo",
    "address1_country": "Norway",
    "address1_postalcode": "0150",
}


async def synced(erp: str = "operations", *names: str, **columns: object) -> World:
    """Accounts with their customers, an hour ago."""
    world = World(erp=ERPS[erp])
    if erp == "business-central":
        world.operations.ids = {}
    await world.sync(*(world.save(name, **{**FULL, **columns}) for name in names))
    world.clock.advance(HOUR)
    return world


def customer(world: World, name: str) -> dict[str, object]:
    found = world.customer(name)
    assert found is not None
    return found  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("erp", ERPS)
@pytest.mark.parametrize("size", [1, 3, 200])
async def test_systems_that_agree_have_no_differences(erp: str, size: int) -> None:
    world = await synced(erp, *"abcdefg")
    world.operations.customers[CustomerKey("usmf", "own").folded] = {"OrganizationName": "A stranger"}
    run, found = await Comparing(world, size).run()
    assert (run.state, run.accounts, run.customers, run.not_ours) == (RunState.DONE, 7, 8, 1)
    assert (found, run.differences, run.in_work) == ([], 0, 0)


FIELDS = sorted(World().application().field_map.names)


@pytest.mark.parametrize("erp", ERPS)
@pytest.mark.parametrize("field", FIELDS)
async def test_a_changed_value_is_found_in_every_mapped_field(erp: str, field: str) -> None:
    world = await synced(erp, "a", "b", "c")
    customer(world, "b")[field] = "changed in the ERP"
    comparing = Comparing(world)
    _, found = await comparing.run()
    assert kinds(found) == {account("b"): (Kind.DIFFERENT, (field,))}
    await comparing.repair(found)
    assert (await comparing.run())[1] == []


async def planted(erp: str) -> World:
    """One account for each kind of difference, and some that agree."""
    world = await synced(erp, "missing", "different", "blocked", "free", "gone", "twice", "owner", "fine")
    await world.sync(world.save("blocked", statecode=1))
    await world.sync(world.save("parked", "Bhutanese Ngultrum"))
    await world.sync(world.save("deleted"))
    await world.sync(world.delete("deleted"))
    world.clock.advance(HOUR)
    del world.operations.customers[CustomerKey("usmf", "missing").folded]
    customer(world, "different")["AddressCity"] = "Rome"
    world.sales.save(account("different"), telephone1="2")  # an event that was never posted
    world.sales.save(account("blocked"), statecode=0)
    world.sales.save(account("free"), statecode=1)
    world.sales.delete(account("gone"))
    world.sales.save(account("new"), "Euro", accountnumber="new", name="New")
    linked_to(world, "twice", "owner")
    world.clock.advance(HOUR)
    return world


@pytest.mark.parametrize("erp", ERPS)
async def test_every_kind_is_found_and_what_a_check_puts_right_is_gone_after_the_repair(erp: str) -> None:
    world = await planted(erp)
    comparing = Comparing(world)
    run, found = await comparing.run()
    hold = world.operations.capabilities.blocking_field
    stays = {account("twice"): (Kind.OWNED_TWICE, ()), account("parked"): (Kind.PARKED, ())}
    assert kinds(found) == {
        account("missing"): (Kind.MISSING, ()),
        account("new"): (Kind.MISSING, ()),
        account("different"): (Kind.DIFFERENT, ("AddressCity", "PrimaryContactPhone")),
        account("blocked"): (Kind.WRONGLY_BLOCKED, (hold,)),
        account("free"): (Kind.NOT_BLOCKED, (hold,)),
        account("gone"): (Kind.WITHOUT_ACCOUNT, (hold,)),
        **stays,
    }
    assert run.found == {"missing": 2, **{str(kind): 1 for kind in Kind if kind is not Kind.MISSING}}
    (twice,) = [one for one in found if one.kind is Kind.OWNED_TWICE]
    (parked,) = [one for one in found if one.kind is Kind.PARKED]
    assert (twice.owner, parked.cause) == (account("owner"), "UnmappedCurrency")
    await comparing.repair(found)
    world.clock.advance(HOUR)
    assert kinds((await comparing.run())[1]) == stays
    assert customer(world, "gone")[hold] == customer(world, "free")[hold] == "All"
    assert customer(world, "blocked")[hold] == "No"


async def test_the_remedies_of_what_a_repair_leaves_work() -> None:
    world = await planted("operations")
    comparing = Comparing(world)
    await comparing.repair((await comparing.run())[1])
    from shared.resilience.replay import Asked

    await world.application().unlink.account(account("twice"), Asked("a person", "reconcile"))
    world.mappings.set("Bhutanese Ngultrum", "USD")
    await world.drain()
    await world.sync(world.check("parked"))
    world.clock.advance(HOUR)
    assert (await comparing.run())[1] == []


async def test_a_value_that_the_erp_keeps_is_no_difference() -> None:
    world = World()
    world.operations.answers = lambda sent: {**sent, "AddressCity": "OSLO"}
    await world.sync(world.save("a", **FULL))
    customer(world, "a")["AddressCity"] = "OSLO"
    world.clock.advance(HOUR)
    assert (await Comparing(world).run())[1] == []


async def test_a_block_that_is_not_ours_is_no_difference() -> None:
    world = await synced("operations", "a")
    customer(world, "a")["OnHoldStatus"] = "Invoice"
    assert (await Comparing(world).run())[1] == []


async def test_a_customer_that_a_check_would_adopt_is_counted() -> None:
    world = await synced("operations", "a")
    world.states.rows.clear()
    world.owners.rows.clear()
    run, found = await Comparing(world).run()
    assert (found, run.to_link, run.not_ours) == ([], 1, 1)


IN_WORK: dict[str, Callable[[World], object]] = {
    "a change in the queue": lambda world: world.sales.save(account("a"), telephone1="2"),
    "a lease": lambda world: _state(
        world, lease=Lease(account("x"), world.clock.now() + timedelta(minutes=1))
    ),
    "an unknown outcome": lambda world: _state(world, unknown_until=world.clock.now() + timedelta(minutes=1)),
    "a retry": lambda world: _state(world, phase=Phase.RETRYING),
    "a new account": lambda world: world.save("new"),
}


def _state(world: World, **changes: object) -> None:
    stored = world.states.rows[account("a")]
    world.states.rows[account("a")] = replace(stored, state=replace(stored.state, **changes))  # pyright: ignore[reportArgumentType]
    customer(world, "a")["AddressCity"] = "Rome"


@pytest.mark.parametrize("why", IN_WORK)
async def test_an_account_in_work_is_counted_and_not_reported(why: str) -> None:
    world = await synced("operations", "a", "b")
    IN_WORK[why](world)
    run, found = await Comparing(world).run()
    assert (found, run.in_work, run.state) == ([], 1, RunState.DONE)


async def test_an_account_that_was_deleted_a_moment_after_its_check_is_in_work() -> None:
    world = await synced("operations", "a")
    await world.sync(world.save("b"))
    world.sales.delete(account("b"))
    run, found = await Comparing(world).run()
    assert (found, run.in_work) == ([], 1)


@pytest.mark.parametrize("change", ["corrected", "changed", "deleted"])
async def test_a_difference_is_found_again_before_it_is_reported(change: str) -> None:
    world = await synced("operations", "a")
    customer(world, "a")["AddressCity"] = "Rome"
    comparing = Comparing(world)
    run = await comparing.reconcile().start("a person")

    async def gate(step: str) -> None:
        if step == "before reader.read":  # the first fresh read
            if change == "corrected":
                customer(world, "a")["AddressCity"] = "Oslo"
            elif change == "changed":
                world.sales.save(account("a"), telephone1="2")
            else:
                world.sales.delete(account("a"))

    page = comparing.pages.take_next()
    assert page is not None
    await comparing.reconcile(gate).handle(page)
    assert await comparing.kept.of_run(run.id) == []


# --- the run


async def test_a_second_start_is_refused_with_the_id_of_the_first() -> None:
    comparing = Comparing(await synced("operations", "a"))
    run = await comparing.reconcile().start("a person")
    with pytest.raises(GoesOnAlreadyError, match=run.id):
        await comparing.reconcile().start("another")
    await comparing.go_on(run.id)
    assert (await comparing.reconcile().start("another")).id != run.id


async def test_a_run_whose_first_message_the_bus_refuses_does_not_stop_the_next_one() -> None:
    comparing = Comparing(await synced("operations", "a"))
    comparing.pages.trouble = QueueUnavailable("load-pages takes no message")
    with pytest.raises(QueueUnavailable):
        await comparing.reconcile().start("a person")
    newest = await comparing.reconcile().newest()
    assert newest is not None
    assert (newest.state, newest.remedy) == (
        RunState.STOPPED,
        "Check the system, then start reconcile again.",
    )
    comparing.pages.trouble = None
    assert (await comparing.run())[0].state is RunState.DONE


async def test_a_run_whose_message_was_lost_does_not_stop_the_next_one() -> None:
    comparing = Comparing(await synced("operations", "a"))
    first = await comparing.reconcile().start("a person")
    lost = comparing.pages.take_next()
    comparing.world.clock.advance(HOUR)
    assert lost is not None
    run, _ = await comparing.run()
    await comparing.reconcile().handle(lost)  # it comes after all, and does nothing
    assert run.id != first.id
    assert run.state is RunState.DONE


async def test_a_fault_sends_the_page_again_and_five_stop_the_run_with_the_remedy() -> None:
    world = await synced("operations", "a", "b")
    comparing = Comparing(world)
    comparing.rows.trouble = TransientFault(System.DATAVERSE, "answered 503")
    run = await comparing.reconcile().start("a person")
    for _ in range(FAILURES - 1):
        page = comparing.pages.take_next()
        assert page is not None
        await comparing.reconcile().handle(page)
    comparing.rows.trouble = None
    run, _ = await comparing.go_on(run.id)
    assert (run.state, run.accounts, run.failures) == (RunState.DONE, 2, 0)
    comparing.rows.trouble = ConfigurationFault(System.DATAVERSE, "answered 403.", "Give the right.")
    run, _ = await comparing.run()
    assert (run.state, run.reason, run.remedy) == (
        RunState.STOPPED,
        "dataverse: answered 403.",
        "Give the right.",
    )


async def test_a_run_waits_while_a_system_is_paused_and_goes_on_after_that() -> None:
    world = await synced("operations", "a")
    comparing = Comparing(world)
    await world.application().breakers.pause([System.OPERATIONS], "a person")
    run = await comparing.reconcile().start("a person")
    for _ in range(FAILURES + 2):
        page = comparing.pages.take_next()
        assert page is not None
        await comparing.reconcile().handle(page)
    waiting = await comparing.reconcile().newest()
    assert waiting is not None
    assert (waiting.state, waiting.page, waiting.failures) == (RunState.RUNNING, 0, 0)
    assert "paused by a person" in waiting.reason
    await world.application().breakers.resume([System.OPERATIONS])
    run, _ = await comparing.go_on(run.id)
    assert run.state is RunState.DONE


async def test_a_repeated_page_changes_nothing() -> None:
    comparing = Comparing(await synced("operations", *"abcdefgh"))
    await comparing.reconcile().start("a person")
    pages: list[PageDue] = []
    while (page := comparing.pages.take_next()) is not None:
        pages.append(page)
        await comparing.reconcile().handle(page)
        for repeated in pages:
            await comparing.reconcile().handle(repeated)
    run = await comparing.reconcile().newest()
    assert run is not None
    assert (run.accounts, run.customers, len(pages)) == (8, 8, run.page)


async def test_a_run_goes_on_though_the_bus_refused_the_message_of_the_next_page() -> None:
    comparing = Comparing(await synced("operations", *"abcdefgh"))
    await comparing.reconcile().start("a person")
    page = comparing.pages.take_next()
    assert page is not None
    comparing.pages.trouble = QueueUnavailable("load-pages takes no message")
    with pytest.raises(QueueUnavailable):
        await comparing.reconcile().handle(page)
    comparing.pages.trouble = None
    await comparing.reconcile().handle(page)  # the host delivers it again
    run, _ = await comparing.go_on(page.run)
    assert (run.state, run.accounts) == (RunState.DONE, 8)


async def test_two_workers_at_one_page_count_it_once() -> None:
    comparing = Comparing(await synced("operations", *"abcdefgh"))
    await comparing.reconcile().start("a person")
    page = comparing.pages.take_next()
    assert page is not None
    again = True

    async def gate(step: str) -> None:
        nonlocal again
        if again and step == "before target.look_up":
            again = False
            await comparing.reconcile().handle(page)

    await comparing.reconcile(gate).handle(page)
    run, _ = await comparing.go_on(page.run)
    assert (run.state, run.accounts) == (RunState.DONE, 8)


async def test_a_walk_that_comes_round_is_stopped() -> None:
    world = await synced("operations", *"abcdefgh")
    comparing = Comparing(world, 2)
    real, numbers = world.operations.customers_after, count()

    async def round_and_round(company: str, after: str, size: int) -> object:
        assert next(numbers) < 50
        return await real(company, "" if after > "F" else after, size)

    world.operations.customers_after = round_and_round  # pyright: ignore[reportAttributeAccessIssue]
    run, _ = await comparing.run()
    assert (run.state, run.reason) == (
        RunState.STOPPED,
        "operations: lists the same rows again and again.",
    )


async def test_a_page_that_takes_too_long_ends_earlier_and_the_next_goes_on() -> None:
    world = await synced("operations", *"abcdefghijkl")
    for name in "abcdefghijkl":
        customer(world, name)["AddressCity"] = "Rome"
    world.operations.seconds = 10  # each request
    run, found = await Comparing(world, 200).run()
    assert (run.accounts, len(found), run.customers) == (12, 12, 12)
    assert run.page > 4


async def test_a_page_that_hangs_is_cut_off_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    comparing = Comparing(await synced("operations", "a"))
    await comparing.reconcile().start("a person")
    page = comparing.pages.take()
    assert page is not None

    async def hangs(step: str) -> None:
        if step == "before states.get":
            await asyncio.Event().wait()

    monkeypatch.setattr("shared.load.reconcile._LONGEST_PAGE", timedelta(seconds=0.01))
    await comparing.reconcile(hangs).handle(page)
    failed = await comparing.reconcile().newest()
    assert failed is not None
    assert (failed.failures, failed.reason) == (1, "operations: a page took too long")
    monkeypatch.undo()
    assert (await comparing.go_on(page.run))[0].state is RunState.DONE


async def test_a_page_takes_few_requests() -> None:
    world = await synced("operations", *(f"C-{number}" for number in range(100)))
    comparing = Comparing(world, 200)
    before = len(world.operations.requests), world.sales.reads
    await comparing.run()
    assert len(world.operations.requests) - before[0] <= 4
    assert (world.sales.reads - before[1], comparing.rows.requests) == (0, 4)


@pytest.mark.parametrize(
    ("at", "now", "due"),
    [
        ("02:30", "02:30", True),
        ("02:30", "03:20", True),
        ("02:30", "02:29", False),
        ("02:30", "04:00", False),
    ],
)
async def test_the_run_of_the_day_starts_once_when_it_is_due(at: str, now: str, due: bool) -> None:
    world = await synced("operations", "a")
    hour, minute = map(int, now.split(":"))
    world.clock.advance_to(world.clock.now().replace(hour=hour, minute=minute) + timedelta(days=1))
    comparing = Comparing(world)
    run = await comparing.reconcile().start_if_due(at)
    assert (run is not None) is due
    if run is not None:
        await comparing.go_on(run.id)
        world.clock.advance(60)
        assert await comparing.reconcile().start_if_due(at) is None
        world.clock.advance(86_400 - 60)
        assert await comparing.reconcile().start_if_due(at) is not None


async def test_differences_are_kept_for_thirty_days_and_hold_no_value() -> None:
    world = await synced("operations", "a")
    customer(world, "a")["AddressCity"] = "Rome"
    comparing = Comparing(world)
    first, found = await comparing.run()
    assert "Rome" not in repr(found)
    world.clock.advance(29 * 86_400)
    await comparing.reconcile().forget()
    assert first.id in comparing.kept.rows
    world.clock.advance(2 * 86_400)
    await comparing.reconcile().forget()
    assert first.id not in comparing.kept.rows


async def test_of_very_many_differences_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.load.reconcile.MOST_KEPT", 2)
    world = await synced("operations", *"abcd")
    world.operations.customers.clear()
    run, found = await Comparing(world, 3).run()
    assert (run.found, run.kept, len(found)) == ({"missing": 4}, 2, 2)
