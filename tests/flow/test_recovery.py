"""Outages, pauses, healing, replays and ceilings: what happens to many accounts at once."""

import asyncio
from datetime import timedelta

import pytest

from shared.model.change import encode_change
from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, ConfigurationFault, Fault, System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.model.queues import Bin, Leftover
from shared.model.state import Phase
from shared.resilience import shared_breakers
from shared.resilience.replay import Asked
from shared.wiring import Application
from tests.flow.world import World, account

DOWN = TransientFault(System.OPERATIONS, "answered 503")
WRONG_SECRET = ConfigurationFault(System.OPERATIONS, "refuses the app's token (401).", "Check it.")
ASKED = Asked("anna", "after the outage")
BREAKER_CAP, LEAST_WAIT = 300, 30


async def _run_for(world: World, span: timedelta, worker: Application | None = None) -> None:
    """Deliver what falls due within the span, by one worker."""
    end, worker = world.clock.now() + span, worker or world.application()
    while (due := world.queue.next_due()) is not None and due <= end:
        world.clock.advance_to(due)
        await world.deliver(world.take(), worker)
    world.clock.advance_to(end)


@pytest.mark.parametrize("trouble", [DOWN, WRONG_SECRET], ids=["outage", "wrong secret"])
async def test_an_outage_is_waited_for_and_the_backlog_then_drains(trouble: Fault) -> None:
    world = World()
    events = [world.save(f"A{number}") for number in range(200)]
    for event in events:
        await world.queue.send(event)
    world.operations.trouble = trouble
    await _run_for(world, timedelta(minutes=5))
    assert len(world.operations.requests) < 60
    assert world.issues.rows == {}
    world.operations.trouble = None
    await world.drain()
    assert len(world.operations.customers) == 200
    assert world.issues.rows == {}


@pytest.mark.parametrize(
    ("trouble", "line"),
    [(DOWN, "breaker opened: operations, "), (WRONG_SECRET, "set-up is wrong: operations: ")],
    ids=["outage", "wrong secret"],
)
async def test_an_outage_is_told_as_long_as_work_waits_for_its_end(
    trouble: Fault, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The alerts look back for a quarter of an hour: they must not end before the outage does."""
    world = World()
    for number in range(10):
        await world.queue.send(world.save(f"A{number}"))
    world.operations.trouble = trouble
    for _ in range(8):
        caplog.clear()
        await _run_for(world, timedelta(minutes=15))
        assert any(text.startswith(line) for text in caplog.messages)


async def test_an_outage_is_noticed_at_once_however_much_went_well_before() -> None:
    world = World()
    worker = world.application()
    for number in range(200):
        await world.deliver(world.save(f"A{number}"), worker)
    world.operations.trouble = DOWN
    world.operations.requests.clear()
    for number in range(200):
        await world.deliver(world.save(f"B{number}"), worker)
    assert len(world.operations.requests) <= 10


async def test_a_backlog_drains_as_fast_after_a_long_outage_as_after_a_short_one() -> None:
    world = World()
    for number in range(100):
        await world.queue.send(world.save(f"A{number}"))
    world.operations.trouble = DOWN
    await _run_for(world, timedelta(hours=3))
    world.operations.trouble = None
    ended = world.clock.now()
    while len(world.operations.customers) < 100:
        await _run_for(world, timedelta(seconds=10))
        assert world.clock.now() - ended < timedelta(seconds=360)


async def test_two_thousand_messages_that_waited_a_day_drain_as_fast_as_operations_answers() -> None:
    """With eight partitions and 200 ms a request: what each waits depends on the breaker alone."""
    world = World()
    worker = world.application()
    world.operations.trouble = DOWN
    early, late = range(100), range(100, 2000)
    for number in early:
        await world.queue.send(world.save(f"A{number}"))
    await _run_for(world, timedelta(hours=23), worker)
    for number in late:
        await world.queue.send(world.save(f"A{number}"))
    await _run_for(world, timedelta(hours=1), worker)
    assert len(world.queue.waiting) == 2000
    longest = timedelta(seconds=BREAKER_CAP * 1.1 + LEAST_WAIT * 1.1)
    due = (await world.deliver(world.save("A2000"), worker)).due
    assert due is not None
    assert due - world.clock.now() <= longest
    world.operations.trouble = None
    world.operations.seconds = 0.2 / 8
    world.operations.requests.clear()
    ended = world.clock.now()
    while len(world.operations.customers) < 2001:
        await _run_for(world, timedelta(seconds=10), worker)
    took = world.clock.now() - ended
    answering = timedelta(seconds=len(world.operations.requests) * world.operations.seconds)
    assert took < answering + longest + timedelta(seconds=20)


async def test_what_waits_for_a_breaker_does_not_come_back_all_at_once() -> None:
    world = World()
    world.operations.trouble = WRONG_SECRET
    worker = world.application()
    await world.deliver(world.save("A1"), worker)
    until = world.control.breaker_rows[System.OPERATIONS][0].open_until
    due = (await world.deliver(world.save("A2"), worker)).due
    assert until is not None
    assert due is not None
    wait = (until - world.clock.now()).total_seconds()
    assert wait * 0.01 < (due - until).total_seconds() <= wait * 0.1


async def test_an_account_that_is_refused_shows_that_the_system_answers() -> None:
    world = World()
    worker = world.application()
    for number in range(15):
        await world.deliver(world.save(f"A{number}"), worker)
    world.clock.advance(1000)
    refused = AccountFault(Problem(Cause.REFUSED, field="AddressCity", status=400))
    world.operations.script = [*[DOWN] * 2, *[refused] * 3] * 3
    for number in range(15):
        await world.deliver(world.save(f"A{number}", telephone1="1"), worker)
    assert world.control.breaker_rows == {}


async def test_a_table_service_that_hangs_is_asked_once_and_keeps_no_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_breakers, "_LONGEST_REQUEST", 0.05)
    world = World(settings={"invocation_deadline_seconds": 0.3})
    worker = world.application()
    asked = 0

    async def hang() -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    world.control.breakers = hang  # pyright: ignore[reportAttributeAccessIssue]
    changes = [world.save(f"A{number}") for number in range(8)]
    outcomes = await asyncio.gather(*(world.deliver(change, worker) for change in changes))
    assert [outcome.ending for outcome in outcomes] == ["created"] * 8
    assert asked == 1


@pytest.mark.parametrize(
    ("step", "system"),
    [
        ("states.get", "tables"),
        ("reader.read", "dataverse"),
        ("target.create", "operations"),
    ],
)
async def test_a_message_past_its_deadline_is_counted_on_the_system_that_it_waited_for(
    step: str, system: str
) -> None:
    async def gate(at: str) -> None:
        if at == f"before {step}":
            await asyncio.Event().wait()

    world = World(settings={"invocation_deadline_seconds": 0.05})
    outcome = await world.deliver(world.save("A1"), world.application(gate))
    assert outcome.detail == f"{system}: the work took too long"
    assert outcome.due is not None


async def test_waiting_for_a_breaker_is_no_attempt_and_writes_no_row() -> None:
    world = World()
    world.operations.trouble = WRONG_SECRET
    await world.deliver(world.save("A1"))
    waiting = world.save("A2")
    outcome = await world.deliver(waiting)
    assert outcome.ending == "retrying"
    assert account("A2") not in world.states.rows
    assert world.queue.sent[-1].hop == 1
    assert world.queue.sent[-1].attempt == 0
    due = outcome.due
    assert due is not None
    assert due - world.clock.now() >= timedelta(seconds=300)


async def test_the_breaker_is_shared_and_one_instance_probes() -> None:
    world = World()
    first, second = world.application(), world.application()
    world.operations.trouble = WRONG_SECRET
    await world.deliver(world.save("A1"), first)
    world.operations.requests.clear()
    assert (await world.deliver(world.save("A2"), second)).ending == "retrying"
    assert world.operations.requests == []
    world.clock.advance(400)
    await world.deliver(world.save("A3"), second)
    await world.deliver(world.save("A4"), first)
    assert world.operations.requests == ["probe"]
    world.operations.trouble = None
    world.clock.advance(400)
    assert (await world.deliver(world.save("A5"), first)).ending == "created"


async def test_update_conflicts_open_no_breaker() -> None:
    world = World()
    conflict = TransientFault(System.OPERATIONS, "update conflict", about_system=False)
    world.operations.script = [conflict] * 20
    worker = world.application()
    for number in range(20):
        await world.deliver(world.save(f"A{number}"), worker)
    assert world.control.breaker_rows == {}


async def test_a_pause_holds_work_until_it_is_resumed() -> None:
    world = World()
    await world.application().breakers.pause([System.OPERATIONS], "anna")
    outcome = await world.deliver(world.save("A1"))
    assert outcome.ending == "retrying"
    assert "paused by anna" in outcome.detail
    await _run_for(world, timedelta(hours=2))
    assert world.operations.requests == []
    await world.application().breakers.resume([System.OPERATIONS])
    await world.drain()
    assert world.customer("A1") is not None


async def test_a_parked_currency_heals_once_its_row_is_usable() -> None:
    world = World()
    await world.sync(world.save("A1", "Yen"), world.save("A2", "Yen"))
    heal = world.application().heal
    assert await heal.run() == 0
    world.mappings.set("Yen", "")
    world.clock.advance(60)
    await world.sync(world.event("A1"))
    assert world.state("A1").issue == "BadMapping|yen"
    world.mappings.set("Yen", "JPY")
    world.operations.currencies.add("JPY")
    assert await heal.run() >= 2
    await world.drain()
    for number in ("A1", "A2"):
        customer = world.customer(number)
        assert customer is not None
        assert customer["SalesCurrencyCode"] == "JPY"
    assert world.issues.rows == {}


async def test_healing_sends_one_check_for_one_version_of_a_row() -> None:
    world = World()
    await world.sync(world.save("A1", "Yen"))
    world.mappings.set("Yen", "JPX")
    heal = world.application().heal
    for _ in range(5):
        await heal.run()
        await world.drain()
        world.clock.advance(60)
    looks = [change for change, _ in world.outcomes if change.source == "heal"]
    assert world.state("A1").issue == "UnknownErpCurrency|JPX"
    assert len(looks) <= 4


async def test_a_code_that_operations_learns_heals_too() -> None:
    world = World()
    world.mappings.set("Yen", "JPY")
    await world.sync(world.save("A1", "Yen"))
    assert world.state("A1").issue == "UnknownErpCurrency|JPY"
    world.operations.currencies.add("JPY")
    await world.application().heal.run()
    await world.drain()
    assert world.customer("A1") is not None


async def test_a_changed_row_reaches_the_customers_already_written() -> None:
    world = World()
    world.operations.currencies |= {"EUX"}
    heal = world.application().heal
    await heal.run()
    await world.sync(world.save("A1", "Euro"), world.save("A2"))
    world.clock.advance(1000)
    world.mappings.set("EURO", "EUX")
    await heal.run()
    await world.drain()
    first, second = world.customer("A1"), world.customer("A2")
    assert first is not None
    assert second is not None
    assert (first["SalesCurrencyCode"], second["SalesCurrencyCode"]) == ("EUX", "USD")


async def test_an_account_written_with_the_old_row_after_the_first_scan_is_found_by_the_second() -> None:
    world = World()
    world.operations.currencies |= {"EUX"}
    heal = world.application().heal
    world.mappings.set("Euro", "EUX")
    await heal.run()
    old = world.mappings.table
    world.mappings.set("Euro", "EUR")
    await world.sync(world.save("A1", "Euro"))
    world.mappings.table = old
    world.clock.advance(181)
    await heal.run()
    await world.drain()
    customer = world.customer("A1")
    assert customer is not None
    assert customer["SalesCurrencyCode"] == "EUX"


async def test_issues_and_states_are_brought_back_into_step() -> None:
    world = World()
    await world.sync(world.save("A1", "Yen"), world.save("A2"))
    rows = dict(world.issues.rows)
    stray = next(iter(rows.values()))
    world.issues.rows = {("UnmappedCurrency|yen", account("A2")): stray}
    await world.application().heal.run()
    assert list(world.issues.rows) == list(rows)


async def test_a_replay_verifies_and_says_who_asked_and_why() -> None:
    world = World()
    await world.sync(world.save("A1"), world.save("A2", "Yen"))
    customer = world.customer("A1")
    assert customer is not None
    customer["OrganizationName"] = "changed by hand"
    replay = world.application().replay
    assert await replay.account(account("A1"), ASKED)
    assert not await replay.account(account("A9"), ASKED)
    assert await replay.parked(ASKED, "UnmappedCurrency") == 1
    assert await replay.parked(ASKED, "UnmappedCurrency|yen") == 1
    assert await replay.parked(ASKED, "KeyChanged") == 0
    await world.drain()
    mended = world.customer("A1")
    assert mended is not None
    assert mended["OrganizationName"] == "Account A1"
    assert world.state("A1").log[-1].note == "anna: after the outage"


async def test_a_replay_of_many_is_spread_over_time() -> None:
    world = World()
    await world.sync(*(world.save(f"A{number}", "Yen") for number in range(10)))
    began = world.clock.now()
    await world.application().replay.parked(Asked("anna", "again", per_minute=60))
    dues = [due for due, _, _ in world.queue.waiting]
    assert max(dues) - began == timedelta(seconds=9)


async def test_leftovers_are_sent_again_under_an_operation_id_of_their_own() -> None:

    world = World()
    change = world.save("A1")
    await world.queue.send(change)
    world.take()
    leftover = Leftover(1, None, "MaxDeliveryCountExceeded", "", encode_change(change))
    garbage = Leftover(2, None, "MaxDeliveryCountExceeded", "", b"garbage")
    world.leftovers.bins = {
        Bin.CHANGE_DEAD_LETTERS: [leftover, garbage],
        Bin.REJECTED: [
            Leftover(3, None, "not-json", "", b"<a/>"),
            Leftover(4, None, "x", "", b"", truncated=True),
        ],
    }
    resubmit = world.application().resubmit
    assert await resubmit.run(Bin.CHANGE_DEAD_LETTERS, "anna: again") == (1, 1)
    assert await resubmit.run(Bin.REJECTED, "anna: again") == (1, 1)
    assert world.leftovers.posted == [b"<a/>"]
    assert world.queue.sent[-1].operation_id != change.operation_id
    await world.drain()
    assert world.customer("A1") is not None


async def test_creates_over_the_ceiling_are_parked_until_the_next_hour() -> None:
    world = World(settings={"max_creates_per_hour": 5})
    endings = await world.sync(*(world.save(f"A{number}") for number in range(8)))
    assert endings == [*["created"] * 5, *["parked"] * 3]
    assert {key for key, _ in world.issues.rows} == {"GuardTripped|creates"}
    assert len(world.owners.rows) == 5
    world.clock.advance(3600)
    await world.application().replay.parked(ASKED, "GuardTripped")
    await world.drain()
    assert len(world.operations.customers) == 8


@pytest.mark.parametrize("unknown", [True, False], ids=["lost answers", "definite refusals"])
async def test_attempts_that_create_nothing_use_up_no_allowance(unknown: bool) -> None:
    world = World(settings={"max_creates_per_hour": 3})
    busy = TransientFault(System.OPERATIONS, "busy", unknown_outcome=unknown, about_system=False)
    world.operations.script = [busy] * 10
    await world.sync(*(world.save(f"A{number}") for number in range(3)))
    assert world.issues.rows == {}
    assert len(world.operations.customers) == 3


async def test_an_account_whose_number_is_taken_uses_up_no_allowance() -> None:
    world = World(settings={"max_creates_per_hour": 2})
    saved = [world.save("A1"), world.save("B", accountnumber="A1"), world.save("C")]
    assert await world.sync(*saved) == ["created", "parked", "created"]
    assert world.state("B").issue == "NumberTaken"


async def test_two_instances_share_one_allowance() -> None:
    world = World(settings={"max_creates_per_hour": 40})
    first, second = world.application(), world.application()
    outcomes = [
        await world.deliver(world.save(f"A{number}"), first if number % 2 else second) for number in range(60)
    ]
    created = sum(outcome.ending == "created" for outcome in outcomes)
    assert 36 <= created <= 40


async def test_blocks_over_the_ceiling_are_parked_and_changes_pass() -> None:
    world = World(settings={"max_blocks_per_hour": 1})
    await world.sync(*(world.save(f"A{number}") for number in range(3)))
    world.clock.advance(60)
    assert await world.sync(world.delete("A0"), world.delete("A1")) == ["deleted", "parked"]
    world.clock.advance(60)
    assert await world.sync(world.save("A2", telephone1="1")) == ["updated"]
    world.clock.advance(3600)
    await world.sync(world.check("A1"))
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OnHoldStatus"] == "All"
    assert world.state("A1").phase is Phase.DELETED
    assert world.operations.customers[CustomerKey("USMF", "A2")]["OnHoldStatus"] == "No"


async def test_a_second_check_of_an_account_does_not_pass_the_ceiling_on_blocks() -> None:
    world = World(settings={"max_blocks_per_hour": 2})
    names = [f"A{number}" for number in range(10)]
    await world.sync(*(world.save(name) for name in names))
    world.clock.advance(60)
    first = [world.save(name, statecode=1) for name in names]
    world.clock.advance(600)
    second = [world.event(name) for name in names]
    endings = await world.sync(*first, *second)
    blocked = [fields for fields in world.operations.customers.values() if fields["OnHoldStatus"] == "All"]
    assert len(blocked) == 2
    assert endings.count("parked") == 16
