"""Refusals of single accounts: one row's fault parks one row, a lost right parks three and waits."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import pytest

from shared.model.customer import CustomerKey
from shared.model.faults import ConfigurationFault, Fault, Refused, System, TransientFault
from shared.model.outcome import Cause, Outcome, Problem
from shared.model.state import Phase
from shared.wiring import Application
from tests.fakes.dynamics import Refuses
from tests.flow.world import World, account

CAUSES = {System.DATAVERSE: Cause.REFUSED_BY_SALES, System.OPERATIONS: Cause.REFUSED}
ASSIGNED = "tests/flow/assigned.toml"
WRONG_SECRET = ConfigurationFault(System.OPERATIONS, "refuses the app's token (401).", "Check it.")
MINUTE = timedelta(minutes=1)


def refusal(system: System, operation: str, status: int = 403, code: str = "") -> Refused:
    problem = Problem(CAUSES[system], status=status, error_type=code)
    return Refused(system, operation, problem, "Give the app its right back.")


def refusing(system: System, refused: str, *names: str, status: int = 403, code: str = "") -> Refuses:
    """Refuses this operation, for these accounts or customer numbers only; without any, for all."""
    about: Collection[UUID | CustomerKey] = [
        key for name in names for key in (account(name), CustomerKey("usmf", name).folded)
    ]

    def refuses(operation: str, key: UUID | CustomerKey) -> Exception | None:
        wanted = key.folded if isinstance(key, CustomerKey) else key
        return (
            refusal(system, refused, status, code)
            if operation == refused and (not about or wanted in about)
            else None
        )

    return refuses


def none_refused(_operation: str, _about: UUID | CustomerKey) -> None:
    """Whatever was refused is allowed again."""


def refuse(world: World, system: System, refuses: Refuses) -> None:
    if system is System.DATAVERSE:
        world.sales.refuses = refuses
    else:
        world.operations.refuses = refuses


async def run_for(world: World, span: timedelta, worker: Application) -> None:
    """Deliver what falls due within the span; once a minute the timer does what it does."""
    end = world.clock.now() + span
    minute = world.clock.now() + MINUTE
    while True:
        due = world.queue.next_due()
        upcoming = min(minute, due) if due is not None else minute
        if upcoming > end:
            break
        world.clock.advance_to(upcoming)
        if upcoming == due:
            await world.deliver(world.take(), worker)
        else:
            await worker.breakers.admit()
            minute += MINUTE
    world.clock.advance_to(end)


def parked(world: World) -> set[UUID]:
    """Every account that was parked at any time."""
    return {change.account_id for change, outcome in world.outcomes if outcome.ending == "parked"}


async def written(world: World, count: int, worker: Application) -> None:
    """So many accounts with their customers, some while ago."""
    for number in range(count):
        await world.deliver(world.save(f"A{number}"), worker)
    world.clock.advance(1000)


OF_ONE_ROW = [
    (System.DATAVERSE, "read", 403, "0x80040220"),
    (System.OPERATIONS, "find", 400, ""),
    (System.OPERATIONS, "create", 400, "AxODataWriteException"),
    (System.OPERATIONS, "update", 412, ""),
]


@pytest.mark.parametrize(("system", "operation", "status", "code"), OF_ONE_ROW)
async def test_one_refused_account_is_parked_and_slows_nobody_down(
    system: System, operation: str, status: int, code: str
) -> None:
    world = World()
    worker = world.application()
    await written(world, 2, worker)
    refuse(world, system, refusing(system, operation, "A0", "B0", status=status, code=code))
    outcomes: list[Outcome] = []
    for turn in range(6):
        change = world.save("B0" if turn and operation != "find" else "A0", telephone1=f"{turn}")
        change = world.check("A0") if operation == "find" else change
        outcomes.append(await world.deliver(change, worker))
        for number in range(10):
            outcome = await world.deliver(world.save(f"C{turn}-{number}"), worker)
            outcomes.append(outcome)
        world.clock.advance(60)
    assert "retrying" not in {outcome.ending for outcome in outcomes}
    assert world.control.breaker_rows[system][0].open_until is None
    assert parked(world) <= {account("A0"), account("B0")}
    (problem, _), *_ = world.issues.rows.values()
    assert (problem.cause, problem.status, problem.error_type) == (CAUSES[system], status, code)


async def test_a_refused_write_back_parks_one_account_and_keeps_its_customer() -> None:
    world = World(field_map=ASSIGNED, settings={"write_back_customer_account": True})
    worker = world.application()
    world.sales.refuses = refusing(System.DATAVERSE, "write-back", "A1", status=400, code="0x80040265")
    await world.deliver(world.save("A1", accountnumber=""), worker)
    assert world.state("A1").issue == "RefusedBySales"
    assert world.state("A1").customer == CustomerKey("usmf", "C-000001")
    assert (await world.deliver(world.save("A2", accountnumber=""), worker)).ending == "created"


LOST = [
    (System.DATAVERSE, "read"),
    (System.OPERATIONS, "find"),
    (System.OPERATIONS, "create"),
    (System.OPERATIONS, "update"),
]


@pytest.mark.parametrize(("system", "operation"), LOST)
async def test_a_right_lost_for_an_hour_parks_three_accounts_and_in_the_end_all_is_written(
    system: System, operation: str
) -> None:
    world = World()
    worker = world.application()
    await written(world, 30, worker)
    before = len(world.outcomes)
    tried = 0

    def refuses(asked: str, _about: UUID | CustomerKey) -> Exception | None:
        nonlocal tried
        tried += asked == operation
        return refusal(system, operation) if asked == operation else None

    refuse(world, system, refuses)
    for number in range(30):
        change = world.save(f"A{number}", telephone1="new")
        await world.queue.send(world.check(f"A{number}") if operation == "find" else change)
        await world.queue.send(world.save(f"B{number}"))
        await run_for(world, timedelta(minutes=2), worker)
    during = parked(world)
    assert len(during) == 3
    assert tried <= 3 + 3600 / 300
    refuse(world, system, none_refused)
    await run_for(world, timedelta(minutes=10), worker)
    assert parked(world) == during
    assert world.queue.waiting == []
    assert world.issues.rows == {}
    assert {stored.state.phase for stored in world.states.rows.values()} == {Phase.SYNCED}
    assert len(world.operations.customers) == 60
    assert all(
        fields["PrimaryContactPhone"] == "new"
        for key, fields in world.operations.customers.items()
        if key.number.startswith("A")
    )
    assert world.control.breaker_rows[system][0].refusals == ()
    assert len(world.outcomes) > before


async def test_of_many_at_work_at_once_no_more_than_three_are_parked() -> None:
    world = World()
    first, second = world.application(), world.application()
    world.operations.refuses = refusing(System.OPERATIONS, "create")
    changes = [world.save(f"A{number}") for number in range(16)]
    outcomes = await asyncio.gather(
        *(world.deliver(change, second if place % 2 else first) for place, change in enumerate(changes))
    )
    assert sum(outcome.ending == "parked" for outcome in outcomes) == 3
    assert sum(outcome.ending == "retrying" for outcome in outcomes) == 13


async def test_refusals_are_counted_over_all_instances() -> None:
    world = World()
    world.operations.refuses = refusing(System.OPERATIONS, "create")
    for number in range(3):
        assert (await world.deliver(world.save(f"A{number}"))).ending == "parked"
    assert (await world.deliver(world.save("A3"))).ending == "retrying"
    assert world.operations.requests.count("POST") == 3


@pytest.mark.parametrize(
    ("names", "codes", "minutes"),
    [
        (["A0", "A0", "A0", "A0"], [""], 0),
        (["A0", "A1", "A2", "A3"], ["X", "Y"], 0),
        (["A0", "A1", "A2", "A3"], [""], 6),
    ],
    ids=["one account again and again", "in different ways", "long after each other"],
)
async def test_refusals_that_prove_nothing_open_no_breaker(
    names: list[str], codes: list[str], minutes: int
) -> None:
    world = World()
    worker = world.application()
    for place, name in enumerate(names):
        code = codes[place % len(codes)]
        world.operations.refuses = refusing(System.OPERATIONS, "create", code=code)
        assert (
            await world.deliver(world.check(name) if name in names[:place] else world.save(name), worker)
        ).ending == "parked"
        world.clock.advance(60 * minutes)
    assert world.control.breaker_rows[System.OPERATIONS][0].open_until is None


@pytest.mark.parametrize("shared", [True, False], ids=["one instance", "two instances"])
async def test_a_success_between_says_that_the_refusals_are_the_accounts_own(shared: bool) -> None:
    world = World()
    first = world.application()
    second = first if shared else world.application()
    world.operations.refuses = refusing(System.OPERATIONS, "create", *(f"A{number}" for number in range(9)))
    for number in range(9):
        await world.deliver(world.save(f"A{number}"), first)
        world.clock.advance(6)
        await world.deliver(world.save(f"B{number}"), second)
        world.clock.advance(6)
    assert len(parked(world)) == 9
    assert len(world.operations.customers) == 9


async def test_a_success_of_another_operation_proves_nothing() -> None:
    world = World()
    worker = world.application()
    await written(world, 4, worker)
    world.operations.refuses = refusing(System.OPERATIONS, "create")
    for number in range(3):
        await world.deliver(world.save(f"B{number}"), worker)
        await world.deliver(world.save(f"A{number}", telephone1="1"), worker)
    assert (await world.deliver(world.save("B3"), worker)).ending == "retrying"


async def test_a_success_between_that_becomes_known_late_closes_the_breaker_again() -> None:
    world = World()
    first, second = world.application(), world.application()
    world.operations.refuses = refusing(System.OPERATIONS, "create", "A0", "A1", "A2")
    await second.breakers.admit()
    for number in range(3):
        await world.deliver(world.save(f"A{number}"), first)
        world.clock.advance(1)
        if number == 1:
            await world.deliver(world.save("B0"), second)
            world.clock.advance(1)
    assert (await world.deliver(world.save("B1"), first)).ending == "retrying"
    world.clock.advance(6)
    assert (await world.deliver(world.save("B2"), second)).ending == "created"


@pytest.mark.parametrize("system", [System.DATAVERSE, System.OPERATIONS])
async def test_a_refusal_is_the_systems_at_once_if_its_probe_fails_too(system: System) -> None:
    world = World()
    worker = world.application()
    await written(world, 5, worker)
    refuse(world, system, refusing(system, "read" if system is System.DATAVERSE else "update"))
    broken = ConfigurationFault(system, "answered 403.", "Check the access.")

    async def probe() -> None:
        raise broken

    worker.breakers._probes = {System.DATAVERSE: probe, System.OPERATIONS: probe}  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    for number in range(5):
        assert (await world.deliver(world.save(f"A{number}", telephone1="1"), worker)).ending == "retrying"
    assert world.issues.rows == {}
    assert world.control.breaker_rows[system][0].reason == "answered 403."


@pytest.mark.parametrize("fault", [WRONG_SECRET, TransientFault(System.OPERATIONS, "answered 503")])
async def test_other_trouble_of_the_probing_account_keeps_the_breaker_to_its_accounts(fault: Fault) -> None:
    world = World()
    worker = world.application()
    world.operations.refuses = refusing(System.OPERATIONS, "create")
    for number in range(6):
        await world.queue.send(world.save(f"A{number}"))
    await run_for(world, timedelta(minutes=2), worker)
    world.operations.trouble = fault
    await run_for(world, timedelta(minutes=30), worker)
    world.operations.trouble = None
    await run_for(world, timedelta(minutes=30), worker)
    assert len(world.issues.rows) == 3
    world.operations.refuses = none_refused
    await run_for(world, timedelta(minutes=20), worker)
    assert world.issues.rows == {}
    assert len(world.operations.customers) == 6


async def test_only_a_parked_account_probes_what_refusals_opened(caplog: pytest.LogCaptureFixture) -> None:
    """The system's own probe goes well all the time: it says nothing about the right that is missing."""
    world = World()
    worker = world.application()
    world.operations.refuses = refusing(System.OPERATIONS, "create")
    for number in range(8):
        await world.queue.send(world.save(f"A{number}"))
    await run_for(world, timedelta(hours=3), worker)
    assert len(parked(world)) == 3
    assert world.operations.requests.count("POST") <= 3 + 3 * 3600 / 300
    probers = [change.account_id for change, _ in world.outcomes if change.source == "replay"]
    assert set(probers) == parked(world)
    opened = [text for text in caplog.messages if text.startswith("breaker opened: operations, ")]
    assert len(opened) > 3 * 3600 / 900, "an alert that looks back for a quarter of an hour must not end"


async def test_an_account_that_probes_and_proves_nothing_gives_way_to_the_next() -> None:
    world = World()
    worker = world.application()
    await written(world, 4, worker)
    world.operations.refuses = refusing(System.OPERATIONS, "update")
    for number in range(4):
        await world.queue.send(world.save(f"A{number}", telephone1="new"))
    await run_for(world, MINUTE, worker)
    first, second, third = (name for name in ("A0", "A1", "A2", "A3") if account(name) in parked(world))
    world.save(first, telephone1="")
    await run_for(world, timedelta(minutes=8), worker)
    assert world.state(first).phase is Phase.SYNCED
    assert world.control.breaker_rows[System.OPERATIONS][0].parked == [account(second), account(third)]
    world.save(second, telephone1="")
    world.save(third, telephone1="")
    await run_for(world, timedelta(minutes=15), worker)
    assert world.control.breaker_rows[System.OPERATIONS][0].open_until is None
    assert world.state(third).phase is Phase.SYNCED


async def test_a_person_who_resumes_has_the_parked_accounts_checked() -> None:
    world = World()
    worker = world.application()
    world.operations.refuses = refusing(System.OPERATIONS, "create")
    for number in range(3):
        await world.deliver(world.save(f"A{number}"), worker)
    world.operations.refuses = none_refused
    await worker.breakers.resume([System.OPERATIONS])
    await world.drain()
    assert len(world.operations.customers) == 3


async def test_without_the_table_that_counts_nothing_is_parked() -> None:
    world = World()
    worker = world.application()
    await worker.breakers.admit()
    world.operations.refuses = refusing(System.OPERATIONS, "create")

    async def away() -> None:
        raise TransientFault(System.TABLES, "no connection")

    world.control.breakers = away  # pyright: ignore[reportAttributeAccessIssue]
    for number in range(4):
        assert (await world.deliver(world.save(f"A{number}"), worker)).ending == "retrying"
    assert world.issues.rows == {}
