"""Healing: every account follows a mended row, in small steps, whatever interrupts the runs."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from shared.model.change import AccountChange, Source
from shared.model.control import Handled
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.model.state import Phase, Stored, SyncState
from shared.resilience.heal import Heal
from shared.resilience.seen_mappings import version_of
from tests.flow.world import ORGANIZATION, World, account

PAGE = 4
TABLES = ("states", "issues", "mappings", "control")
DOWN = TransientFault(System.OPERATIONS, "answered 503")
REFUSED = ConfigurationFault(System.OPERATIONS, "refuses the app's token (401).", "Check it.")


class Calls:
    """A gate that notes every call, and ends the run at the step of this number."""

    def __init__(self, last: int | None = None) -> None:
        self.made: list[str] = []
        self._left = last

    async def __call__(self, step: str) -> None:
        if step.startswith("before "):
            self.made.append(step.removeprefix("before "))
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise asyncio.CancelledError

    @property
    def to_tables(self) -> list[str]:
        return [call for call in self.made if call.partition(".")[0] in TABLES]


def _checks(world: World) -> list[AccountChange]:
    """Every check that healing sent, also those that the broker dropped as repeated."""
    return [change for change in [*world.queue.sent, *world.queue.repeated] if change.source is Source.HEAL]


async def _with_euros(number: int) -> World:
    """Accounts in euro that are written, and healing at rest."""
    world = World()
    world.states.page_size = PAGE
    world.operations.currencies |= {"EUX"}
    await world.sync(*(world.save(f"A{place}", "Euro") for place in range(number)))
    await _run_until_done(world)
    assert not _checks(world) or not world.queue.waiting
    world.queue.sent.clear()
    world.queue.repeated.clear()
    world.clock.advance(1000)
    return world


async def _run_until_done(world: World) -> None:
    heal = world.application().heal
    for _ in range(5):
        await heal.run()
        await world.drain()
        world.clock.advance(60)


def _codes(world: World) -> set[object]:
    return {customer["SalesCurrencyCode"] for customer in world.operations.customers.values()}


async def _cut_off(heal: Heal) -> bool:
    try:
        await heal.run()
    except asyncio.CancelledError:
        return True
    return False


async def test_a_run_that_is_cut_off_anywhere_is_continued_where_it_was() -> None:
    step, cut = 0, True
    while cut:
        world = await _with_euros(3 * PAGE)
        world.mappings.set("Euro", "EUX")
        cut = await _cut_off(world.application(Calls(step)).heal)
        await _run_until_done(world)
        assert _codes(world) == {"EUX"}, f"cut off at step {step}"
        times = Counter(change.account_id for change in _checks(world))
        assert len(times) == 3 * PAGE
        again = [account_id for account_id, count in times.items() if count > 1]
        assert len(again) <= PAGE, f"cut off at step {step}"
        assert max(times.values()) <= 2
        step += 1
    assert step > 30


async def test_a_change_that_concerns_many_accounts_ends_though_every_run_is_cut_off() -> None:
    world = await _with_euros(20 * PAGE)
    world.mappings.set("Euro", "EUX")
    runs = 0
    while await _cut_off(world.application(Calls(34)).heal) or _codes(world) != {"EUX"}:
        await world.drain()
        world.clock.advance(60)
        runs += 1
        assert runs < 30
    times = Counter(change.account_id for change in _checks(world))
    assert len(times) == 20 * PAGE
    assert sum(times.values()) <= 20 * PAGE + runs * PAGE


async def test_each_account_gets_one_check_for_one_change() -> None:
    world = await _with_euros(5 * PAGE)
    world.mappings.set("Euro", "EUX")
    await _run_until_done(world)
    assert _codes(world) == {"EUX"}
    times = Counter(change.account_id for change in _checks(world))
    assert times == {account(f"A{place}"): 1 for place in range(5 * PAGE)}


def _stand(world: World, number: int, **members: object) -> UUID:
    """An account that is known to the tables alone."""
    account_id = account(f"S{number}")
    state = SyncState(account_id=account_id, organization_id=ORGANIZATION, read_at=world.clock.now())
    world.states.rows[account_id] = Stored(replace(state, **members), 'W/"0"')  # type: ignore[arg-type]
    return account_id


async def test_checks_are_spread_and_no_more_are_sent_than_become_due_within_minutes() -> None:
    world = World()
    await world.application().heal.run()
    for number in range(4500):
        _stand(world, number, currency_key="euro", phase=Phase.SYNCED)
    world.clock.advance(1000)
    world.mappings.set("Euro", "EUX")
    before = world.clock.now()
    await world.application().heal.run()
    dues = [due for due, _, _ in world.queue.waiting]
    assert 2000 < len(dues) <= 4000
    assert min(dues) >= before + timedelta(seconds=60)
    assert max(Counter(int(due.timestamp()) for due in dues).values()) <= 10
    for _ in range(15):
        world.clock.advance(60)
        await world.application().heal.run()
    assert len(world.queue.waiting) == 4500
    assert max(Counter(int(due.timestamp()) for due, _, _ in world.queue.waiting).values()) <= 10


async def test_a_small_change_does_not_wait_for_a_large_one() -> None:
    world = World()
    await world.application().heal.run()
    for number in range(4500):
        _stand(world, number, currency_key="euro", phase=Phase.SYNCED)
    pound = _stand(world, 4500, currency_key="pound sterling", phase=Phase.SYNCED)
    world.clock.advance(1000)
    world.mappings.set("Euro", "EUX")
    await world.application().heal.run()
    world.clock.advance(120)
    world.mappings.set("Pound Sterling", "GBX")
    await world.application().heal.run()
    assert pound in {change.account_id for change in _checks(world)}


async def test_the_second_scan_waits_for_messages_that_may_still_use_the_old_row() -> None:
    world = await _with_euros(0)
    changed_at = world.clock.now()
    world.mappings.set("Euro", "EUX")
    await world.application().heal.run()
    world.clock.advance(100)
    await world.application().heal.run()
    late = _stand(
        world, 1, currency_key="euro", phase=Phase.SYNCED, read_at=changed_at + timedelta(seconds=50)
    )
    world.clock.advance(90)
    await world.application().heal.run()
    assert [change.account_id for change in _checks(world)] == [late]


async def test_rows_that_an_earlier_version_noted_are_not_scanned_from_the_beginning() -> None:
    world = World()
    noted_at = world.clock.now()
    for key, group in (await world.mappings.by_name()).items():
        world.control.handled_rows[key] = Handled(version_of(group), noted_at, done=key != "euro")
    _stand(world, 1, currency_key="us dollar", phase=Phase.SYNCED)
    _stand(world, 2, currency_key="euro", phase=Phase.SYNCED, read_at=noted_at - timedelta(hours=1))
    late = _stand(world, 3, currency_key="euro", phase=Phase.SYNCED, read_at=noted_at + timedelta(seconds=9))
    for _ in range(5):
        world.clock.advance(60)
        await world.application().heal.run()
    assert [change.account_id for change in _checks(world)] == [late]
    assert {row.done for row in world.control.handled_rows.values()} == {True}


# --- parked accounts


async def test_a_check_that_met_an_old_list_of_currencies_is_repeated_by_the_next_run() -> None:
    world = World()
    world.mappings.set("Yen", "JPY")
    await world.sync(world.save("A1", "Yen"))
    await _run_until_done(world)
    heal = world.application().heal
    for _ in range(2):  # the instance that works on the check has a list of some seconds ago
        world.operations.currencies.add("JPY")
        assert await heal.run() == 1
        assert await heal.run() == 0
        world.operations.currencies.remove("JPY")
        await world.drain()
        assert world.state("A1").issue == "UnknownErpCurrency|JPY"
        world.clock.advance(60)
    world.operations.currencies.add("JPY")
    assert await heal.run() == 1
    await world.drain()
    assert world.customer("A1") is not None
    assert world.issues.rows == {}


async def test_an_account_parked_again_before_its_row_was_marked_is_healed_again() -> None:
    world = World()
    world.mappings.set("Yen", "JPY")
    await world.sync(world.save("A1", "Yen"))
    await _run_until_done(world)
    world.operations.currencies.add("JPY")

    async def fast(step: str) -> None:
        if step == "after queue.send_all":
            world.operations.currencies.discard("JPY")
            await world.drain()

    assert await world.application(fast).heal.run() == 1
    world.operations.currencies.add("JPY")
    world.clock.advance(60)
    assert await world.application().heal.run() == 1
    await world.drain()
    assert world.customer("A1") is not None


async def _parked_for_a_code() -> World:
    """An account that waits for a code which Operations knows by now, and a row of Issues too many."""
    world = World()
    world.mappings.set("Yen", "JPY")
    await world.sync(world.save("A1", "Yen"), world.save("A2"))
    await _run_until_done(world)
    world.clock.advance(1000)
    world.operations.currencies.add("JPY")
    await world.issues.put(account("A2"), Problem(Cause.UNMAPPED_CURRENCY, value="yen"), world.clock.now())
    return world


@pytest.mark.parametrize("fault", [DOWN, REFUSED], ids=["outage", "wrong secret"])
async def test_a_fault_of_operations_leaves_the_issues_in_step(fault: Exception) -> None:
    world = await _parked_for_a_code()

    async def broken(step: str) -> None:
        if step == "before target.knows_currency":
            raise fault

    await world.application(broken).heal.run()
    assert list(world.issues.rows) == [("UnknownErpCurrency|JPY", account("A1"))]


@pytest.mark.parametrize("how", ["paused", "open"])
async def test_operations_is_not_asked_while_it_is_paused_or_its_breaker_is_open(how: str) -> None:
    world = await _parked_for_a_code()
    breakers = world.application().breakers
    if how == "paused":
        await breakers.pause([System.OPERATIONS], "anna")
    else:
        await breakers.failed(System.OPERATIONS, REFUSED)
    world.operations.requests.clear()
    calls = Calls()
    heal = world.application(calls).heal
    for _ in range(4):
        await heal.run()
        world.clock.advance(60)
    assert "target.knows_currency" not in calls.made
    assert world.operations.requests == []
    assert list(world.issues.rows) == [("UnknownErpCurrency|JPY", account("A1"))]
    await breakers.resume([System.OPERATIONS])
    assert await heal.run() == 1


async def test_parked_accounts_of_any_number_are_released_a_few_hundred_a_minute() -> None:
    world = World()
    for number in range(1500):
        await _park(world, number, "yen")
    world.mappings.set("Yen", "JPY")
    sent = [await world.application().heal.run() for _ in range(4)]
    assert sent == [600, 600, 300, 0]
    assert len({change.account_id for change in _checks(world)}) == 1500
    assert world.queue.repeated == []


async def test_a_parked_account_behind_many_others_is_released_at_once() -> None:
    world = World()
    world.issues.page_size = PAGE
    for number in range(5 * PAGE):
        await _park(world, number, "aaa")
    await _park(world, 1000, "yen")
    await world.application().heal.run()
    world.clock.advance(1000)
    world.mappings.set("Yen", "JPY")
    assert await world.application().heal.run() == 1


async def test_a_second_row_of_a_name_that_is_deleted_releases_its_accounts() -> None:
    world = World()
    for row_key in ("1", "2"):
        world.mappings.put(row_key, "Yen", "JPY")
    await world.sync(world.save("A1", "Yen"))
    assert world.state("A1").issue == "BadMapping|yen"
    world.operations.currencies.add("JPY")
    await _run_until_done(world)
    heal = world.application().heal
    for _ in range(5):
        assert await heal.run() == 0
        world.clock.advance(60)
    del world.mappings.table["2"]
    assert await heal.run() == 1
    await world.drain()
    assert world.customer("A1") is not None


# --- what it costs


async def _park(world: World, number: int, currency: str, at: str = "") -> None:
    problem = Problem(Cause.UNMAPPED_CURRENCY, value=currency)
    account_id = _stand(world, number, phase=Phase.PARKED, issue=at or problem.key)
    await world.issues.put(account_id, problem, world.clock.now())


async def _costs(world: World) -> list[list[str]]:
    """The table requests of each run of the next half hour."""
    found: list[list[str]] = []
    gate = Calls()
    heal = world.application(gate).heal
    for _ in range(30):
        gate.made.clear()
        await heal.run()
        found.append(gate.to_tables)
        world.clock.advance(60)
    return found


@pytest.mark.parametrize("parked", [1, 2000])
@pytest.mark.parametrize("healed", [True, False])
async def test_what_a_run_costs_does_not_grow_with_what_is_parked_or_healed(
    parked: int, healed: bool
) -> None:
    world = World()
    for number in range(parked):
        await _park(world, number, "yen")
    if healed:
        world.mappings.set("Yen", "JPY")
    for _ in range(20):
        await world.application().heal.run()
        world.clock.advance(60)
    costs = await _costs(world)
    assert max(len(calls) for calls in costs) <= 20
    assert not {call for calls in costs for call in calls if call in {"states.get", "issues.remove"}}
    whole = [call for calls in costs for call in calls if call == "mappings.by_name"]
    assert len(whole) <= 1, "the whole table is read once by a process, unless it changes"


async def test_single_rows_are_read_only_where_issues_and_states_differ() -> None:
    world = World()
    world.states.page_size = 50
    for number in range(200):
        await _park(world, number, "yen")
    await _park(world, 200, "yen", at="KeyChanged")
    retrying = _stand(world, 7, phase=Phase.RETRYING, issue="UnmappedCurrency|yen")
    del world.issues.rows["UnmappedCurrency|yen", account("S9")]
    calls = Calls()
    heal = world.application(calls).heal
    for _ in range(6):  # a page of accounts each
        await heal.run()
    assert calls.made.count("states.get") == 3
    keys = set(world.issues.rows)
    assert ("KeyChanged", account("S200")) in keys
    assert ("UnmappedCurrency|yen", account("S200")) not in keys
    assert {("UnmappedCurrency|yen", account("S9")), ("UnmappedCurrency|yen", retrying)} <= keys
    assert len(keys) == 201


async def test_issues_are_compared_to_the_end_even_if_each_run_is_of_a_new_process() -> None:
    world = World()
    world.states.page_size = world.issues.page_size = 20
    for number in range(100):
        await _park(world, number, "yen")
    await _park(world, 100, "yen", at="KeyChanged")
    for number in range(0, 100, 10):
        del world.issues.rows["UnmappedCurrency|yen", account(f"S{number}")]
    for _ in range(7):
        await world.application().heal.run()
    keys = set(world.issues.rows)
    assert {("UnmappedCurrency|yen", account(f"S{number}")) for number in range(100)} <= keys
    assert ("UnmappedCurrency|yen", account("S100")) not in keys


async def test_a_list_of_issues_that_has_become_old_corrects_nothing_that_is_right() -> None:
    world = World()
    world.states.page_size = 10
    for number in range(40):
        await _park(world, number, "yen")
    heal = world.application().heal
    await heal.run()
    for number in range(40):  # half of them are written meanwhile, and others are parked
        if number % 2:
            _stand(world, number, phase=Phase.SYNCED)
            del world.issues.rows["UnmappedCurrency|yen", account(f"S{number}")]
        else:
            await _park(world, number + 100, "yen")
    right = set(world.issues.rows)
    for _ in range(10):
        await heal.run()
    assert set(world.issues.rows) == right
