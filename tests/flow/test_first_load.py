"""A first load on fakes: page by page, stopped at every step, paused, limited, counted before and after."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.diagnostics.count_plan import CountPlan, PlanCounts
from shared.load.first_load import MOST_FAILURES
from shared.load.report import LoadReport
from shared.load.steer import LoadGoesOnError, LoadRefusedError, NoSuchLoadError, SteerLoad, Wanted
from shared.model.change import AccountChange, Source, session_id
from shared.model.faults import (
    ConditionRefused,
    ConfigurationFault,
    QueueUnavailable,
    System,
    TransientFault,
)
from shared.model.load import LoadRun, LoadState, Selection, decode_load
from shared.model.outcome import Ending, Outcome
from shared.model.page import PageDue, RunKind
from tests.flow.world import Crash, Gate, World, account

ALL = Selection()
NO_RIGHT = ConfigurationFault(System.SERVICE_BUS, "refuses to tell its counts.", "Give it the right.")
SALES_DOWN = TransientFault(System.DATAVERSE, "answered 503")
TABLES_DOWN = TransientFault(System.TABLES, "answered 503")
SMALL: dict[str, object] = {"load_page_size": 4, "load_queued_per_partition": 4, "sync_partitions": 2}


async def _open(_: str) -> None:
    """Let every step pass."""


@dataclass
class Loading(World):
    """The world with a load: pages and changes are delivered in the order in which they are due."""

    settings: dict[str, object] = field(default_factory=lambda: dict[str, object](SMALL))
    passed: int = 0

    def with_accounts(self, number: int, prefix: str = "A") -> "Loading":
        for place in range(number):
            self.save(f"{prefix}{place}")
        return self

    @property
    def steer(self) -> SteerLoad:
        return self.application().run_cases.steer_load

    @property
    def run(self) -> LoadRun:
        return decode_load(self.runs.rows[RunKind.LOAD].document)

    async def start(self, max_creates: int = 1_000, selection: Selection = ALL, **wanted: Any) -> LoadRun:
        run = await self.steer.start(Wanted(selection, "anna", max_creates, **wanted))
        self.clock.advance(1)
        return run

    async def page(self, due: PageDue, gate: Gate = _open) -> None:
        await self.application(gate).run_cases.first_load.handle(due)

    async def work(self, gate: Gate = _open, longest: timedelta = timedelta(hours=6)) -> int:
        """Deliver until nothing waits; a page whose worker dies is delivered again. Return how many died."""
        end, deaths, app = self.clock.now() + longest, 0, self.application()
        while (due := self.next_due()) is not None and due <= end:
            self.clock.advance_to(due)
            if (page := self.pages.take()) is None:
                await self.deliver(self.take(), app)
                self.clock.advance(0.1)
                continue
            try:
                await self.page(page, gate)
            except Crash:
                deaths += 1
                self.pages.waiting.insert(0, (self.clock.now(), 0, page))
        return deaths

    async def step(self) -> None:
        """Deliver what is due next: a page or a change."""
        due = self.next_due()
        assert due is not None
        self.clock.advance_to(due)
        if (page := self.pages.take()) is not None:
            await self.page(page)
        else:
            await self.deliver(self.take())

    def next_due(self) -> datetime | None:
        return min(filter(None, (self.queue.next_due(), self.pages.next_due())), default=None)

    async def report(self) -> LoadReport:
        return await self.application().run_cases.report_load.of(self.run)

    def checks(self) -> Counter[object]:
        """How many messages of the load there were for each account, copies not counted."""
        of_load = [change for change in self.queue.sent if change.source is Source.LOAD and not change.hop]
        return Counter(change.account_id for change in of_load)


def _stop_at(*steps: int) -> Gate:
    passed = count()

    async def gate(_: str) -> None:
        if next(passed) in steps:
            raise Crash

    return gate


async def test_every_account_is_checked_and_the_report_counts_what_became_of_it() -> None:
    world = Loading().with_accounts(30)
    await world.sync(world.save("A0", name="known already"), world.save("P", "Yen"), world.save("Q", "Euro"))
    world.save("Q", telephone1="7")
    world.clock.advance(1_000)
    world.save("P", "Yen")
    await world.start()
    await world.work()
    assert (world.run.state, world.run.sent) == (LoadState.DONE, 32)
    report = await world.report()
    assert (report.created, report.updated, report.unchanged) == (29, 1, 1)
    assert (report.parked, report.open, report.at_work) == ({"UnmappedCurrency": 1}, 0, 0)
    assert len(world.operations.customers) == 31


async def test_an_account_that_changes_behind_the_walk_comes_again_and_is_counted_once() -> None:
    world = Loading().with_accounts(12)
    await world.start()
    while account("A0") not in world.states.rows:
        await world.step()
    world.save("A0", telephone1="7")
    await world.work()
    assert (world.run.state, world.run.sent) == (LoadState.DONE, 13)
    report = await world.report()
    assert (report.created + report.covered, report.open, report.at_work) == (12, 0, 0)


async def test_a_page_is_never_larger_than_its_size_and_the_room_in_the_queue() -> None:
    world = Loading().with_accounts(30)
    await world.start()
    world.accounts.sizes.clear()
    most = 0
    while world.run.state is LoadState.RUNNING:
        await world.step()
        most = max(most, len(world.queue.waiting))
    assert max(world.accounts.sizes) == 4
    assert most <= 8


@pytest.mark.parametrize("counts", [True, False])
async def test_no_partition_gets_more_checks_than_it_may_have(counts: bool) -> None:
    small: dict[str, object] = {"load_page_size": 20, "load_queued_per_partition": 3, "sync_partitions": 8}
    world = Loading(settings=small).with_accounts(100)
    world.waiting.trouble = None if counts else NO_RIGHT
    await world.start()
    for turn in range(12):
        page = world.pages.take()
        assert page is not None
        await world.page(page)
        waiting = Counter(world.queue.partition(change, 8) for _, _, change in world.queue.waiting)
        assert max(waiting.values()) <= 3
        world.clock.advance(2)
        if turn % 2:
            await world.deliver(world.take())
    await world.work()
    assert (world.run.state, len(world.operations.customers)) == (LoadState.DONE, 100)


async def test_one_partition_that_stands_still_keeps_no_account_waiting_but_those_in_it() -> None:
    small: dict[str, object] = {"load_page_size": 10, "load_queued_per_partition": 2, "sync_partitions": 2}
    world = Loading(settings=small).with_accounts(40)
    await world.start()
    stuck: list[AccountChange] = []
    for _ in range(30):
        page = world.pages.take()
        assert page is not None
        await world.page(page)
        world.clock.advance(2)
        while (change := world.queue.take()) is not None:
            if world.queue.partition(change, 2) == "p01":
                stuck.append(change)
            else:
                await world.deliver(change)
    assert (len(stuck), len(world.operations.customers)) == (2, 38)


async def test_partitions_are_equally_busy_whatever_partition_the_accounts_have() -> None:
    one_partition = [f"A{place}" for place in range(200) if session_id(account(f"A{place}"), 4) == "p00"]
    small: dict[str, object] = {"load_queued_per_partition": 4, "sync_partitions": 4}
    world = Loading(settings=small)
    for name in one_partition:
        world.save(name)
    await world.start()
    page = world.pages.take()
    assert page is not None
    await world.page(page)
    sent = Counter(world.queue.partition(change, 4) for _, _, change in world.queue.waiting)
    assert sent == {"p00": 4, "p01": 4, "p02": 4, "p03": 4}


async def test_an_event_that_meets_the_check_of_its_account_is_written_a_few_seconds_later() -> None:
    """The check is in another partition than the event, so both can be at work at the same time."""
    waited = 0
    for step in count(1):
        world = Loading().with_accounts(1)
        run, met = await world.start(), list[Outcome]()

        async def event_comes(
            _: str, step: int = step, world: Loading = world, met: list[Outcome] = met
        ) -> None:
            world.passed += 1
            if world.passed == step:
                met.append(await world.deliver(world.save("A0", telephone1="7")))

        await world.deliver(run.check(account("A0")), world.application(event_comes))
        if not met:
            break
        if met[0].detail == "another worker is writing":
            waited += 1
            assert met[0].due is not None
            assert met[0].due - world.clock.now() < timedelta(seconds=6)
        await world.work()
        (customer,) = world.operations.customers.values()
        assert customer["PrimaryContactPhone"] == "7", step
    assert waited


async def test_a_load_waits_while_changes_wait_be_they_active_or_scheduled() -> None:
    world = Loading().with_accounts(5)
    for place in range(4):
        await world.queue.send(world.save(f"B{place}"))
        await world.queue.send(world.save(f"C{place}"), world.clock.now() + timedelta(hours=1))
    await world.start()
    for _ in range(3):
        page = world.pages.take()
        assert page is not None
        await world.page(page)
        due = world.pages.next_due()
        assert due is not None
        assert due - world.clock.now() <= timedelta(seconds=2)
        world.clock.advance_to(due)
    assert world.run.sent == 0
    await world.work()
    assert (world.run.state, world.run.sent) == (LoadState.DONE, 13)


async def test_without_the_right_to_the_counts_a_load_goes_by_its_own_unfinished_checks() -> None:
    world = Loading().with_accounts(30)
    world.waiting.trouble = NO_RIGHT
    await world.start()
    for _ in range(6):
        page = world.pages.take()
        assert page is not None
        await world.page(page)
        world.clock.advance(2)
    assert world.run.sent == 8, "nothing was checked yet, so no more than the bound is sent"
    assert "refuses to tell its counts" in world.run.counts_unknown
    await world.work()
    assert (world.run.state, len(world.operations.customers)) == (LoadState.DONE, 30)


async def test_a_load_waits_while_a_system_is_paused_and_counts_no_failure() -> None:
    world = Loading().with_accounts(5)
    await world.application().breakers.pause([System.OPERATIONS], "anna")
    await world.start()
    await world.work(longest=timedelta(minutes=30))
    assert (world.run.sent, world.run.failures, world.run.state) == (0, 0, LoadState.RUNNING)
    assert "paused by anna" in world.run.waits_for
    await world.application().breakers.resume([System.OPERATIONS])
    await world.work()
    assert (world.run.state, world.run.waits_for) == (LoadState.DONE, "")
    assert len(world.operations.customers) == 5


async def test_a_page_that_fails_five_times_stops_the_load_and_resume_goes_on_there() -> None:
    world = Loading().with_accounts(12)
    await world.start()
    page = world.pages.take()
    assert page is not None
    await world.page(page)
    world.accounts.trouble = ConditionRefused("Could not find a property named 'gone'.")
    await world.work()
    assert world.run.state is LoadState.STOPPED
    assert "gone" in world.run.cause
    assert "`accountsync load resume`" in world.run.remedy
    assert world.run.sent == 4
    world.accounts.trouble = None
    await world.steer.resume()
    await world.work()
    assert (world.run.state, world.run.cause, world.run.sent) == (LoadState.DONE, "", 12)
    assert set(world.checks().values()) == {1}


async def test_what_fails_fewer_times_goes_on_by_itself() -> None:
    world = Loading().with_accounts(4)
    await world.start()
    world.accounts.trouble = SALES_DOWN
    for _ in range(MOST_FAILURES - 1):
        due = world.pages.next_due()
        assert due is not None
        world.clock.advance_to(due)
        page = world.pages.take()
        assert page is not None
        await world.page(page)
    assert world.run.failures == MOST_FAILURES - 1
    world.accounts.trouble = None
    await world.work()
    assert (world.run.state, world.run.failures) == (LoadState.DONE, 0)


async def test_while_the_tables_are_away_a_page_waits_and_nothing_is_counted() -> None:
    world = Loading().with_accounts(4)
    await world.start()

    async def away(step: str) -> None:
        if step == "before runs.read":
            raise TABLES_DOWN

    for _ in range(2 * MOST_FAILURES):
        due = world.pages.next_due()
        assert due is not None
        world.clock.advance_to(due)
        page = world.pages.take()
        assert page is not None
        await world.page(page, away)
    assert (world.run.failures, world.run.sent) == (0, 0)
    await world.work()
    assert world.run.state is LoadState.DONE


# --- crashes


async def test_a_worker_that_dies_at_any_step_of_a_page_loses_nothing_and_repeats_one_page_at_most() -> None:
    step, deaths = 0, 1
    while deaths:
        world = Loading().with_accounts(10)
        await world.start()
        deaths = await world.work(_stop_at(step))
        assert world.run.state is LoadState.DONE, f"died at step {step}"
        assert len(world.operations.customers) == 10, f"died at step {step}"
        repeated = len(world.queue.repeated) + sum(world.checks().values()) - 10
        assert repeated <= 4, f"died at step {step}"
        step += 1
        assert step < 500
    assert step > 20


@settings(max_examples=60)
@given(
    accounts=st.integers(0, 12),
    steps=st.sets(st.integers(0, 80), max_size=4),
    page_size=st.integers(1, 5),
    per_partition=st.integers(1, 2),
    counts=st.booleans(),
)
async def test_whatever_dies_every_account_is_checked_and_each_death_repeats_one_page_at_most(
    accounts: int, steps: set[int], page_size: int, per_partition: int, counts: bool
) -> None:
    small: dict[str, object] = {
        "load_page_size": page_size,
        "load_queued_per_partition": per_partition,
        "sync_partitions": 4,
    }
    world = Loading(settings=small).with_accounts(accounts)
    world.waiting.trouble = None if counts else NO_RIGHT
    await world.start()
    deaths = await world.work(_stop_at(*steps))
    assert (world.run.state, world.run.sent) == (LoadState.DONE, accounts)
    assert len(world.operations.customers) == accounts
    assert set(world.checks()) == {account(f"A{place}") for place in range(accounts)}
    assert sum(world.checks().values()) - accounts + len(world.queue.repeated) <= deaths * page_size


async def test_a_check_that_comes_twice_is_covered_and_asks_no_system() -> None:
    world = Loading().with_accounts(4)
    run = await world.start()
    await world.work()
    reads, requests = world.sales.reads, len(world.operations.requests)
    steps: list[str] = []

    async def note(step: str) -> None:
        steps.append(step)

    outcome = await world.deliver(run.check(account("A0")), world.application(note))
    assert outcome.ending is Ending.COVERED
    assert (world.sales.reads, len(world.operations.requests)) == (reads, requests)
    assert [step for step in steps if step.startswith("before states")] == ["before states.get"]


async def test_a_check_after_an_event_is_covered_and_counted_once() -> None:
    world = Loading().with_accounts(2)
    run = await world.start()
    await world.sync(world.event("A0"))
    for _ in range(2):
        assert (await world.deliver(run.check(account("A0")))).ending is Ending.COVERED
    assert [entry.outcome for entry in world.state("A0").log] == ["created", "covered"]
    await world.work()
    report = await world.report()
    assert (report.created, report.covered, report.open) == (1, 1, 0)


async def test_a_check_of_an_account_without_a_row_does_not_read_it_again() -> None:
    world = Loading().with_accounts(4)
    await world.start()
    page = world.pages.take()
    assert page is not None
    await world.page(page)
    steps: list[str] = []

    async def note(step: str) -> None:
        steps.append(step)

    for _ in range(4):
        assert (await world.deliver(world.take(), world.application(note))).ending is Ending.CREATED
    assert "before states.get" not in steps


async def test_a_row_that_came_after_the_page_is_neither_overwritten_nor_doubled() -> None:
    world = Loading().with_accounts(4)
    await world.start()
    page = world.pages.take()
    assert page is not None
    await world.page(page)
    await world.deliver(world.save("A0", telephone1="7"))
    await world.work()
    assert len(world.operations.customers) == 4
    assert world.state("A0").log[0].outcome == "created"
    report = await world.report()
    assert (report.created + report.covered + report.unchanged, report.open, report.at_work) == (4, 0, 0)


# --- what people do


async def test_one_load_goes_on_at_a_time() -> None:
    world = Loading().with_accounts(4)
    with pytest.raises(NoSuchLoadError):
        await world.steer.pause("anna")
    run = await world.start()
    with pytest.raises(LoadGoesOnError, match=str(run.id)):
        await world.start()
    await world.steer.pause("anna")
    with pytest.raises(LoadGoesOnError, match=str(run.id)):
        await world.start()
    await world.steer.cancel("anna")
    second = await world.start()
    await world.work()
    assert (world.run.id, world.run.state) == (second.id, LoadState.DONE)
    with pytest.raises(LoadRefusedError):
        await world.steer.resume()


async def test_a_load_whose_first_page_the_bus_refuses_does_not_stop_the_next_one() -> None:
    world = Loading().with_accounts(4)
    world.pages.trouble = QueueUnavailable("load-pages takes no message")
    with pytest.raises(QueueUnavailable):
        await world.start()
    assert (world.run.state, world.run.sent) == (LoadState.CANCELLED, 0)
    assert "load-pages takes no message" in world.run.cause
    world.pages.trouble = None
    await world.start()
    await world.work()
    assert (world.run.state, len(world.operations.customers)) == (LoadState.DONE, 4)


@pytest.mark.parametrize("where", ["refused", "(", "a eq 1) or (b eq 2", "name eq 'x", "x" * 3000])
async def test_a_bad_condition_is_refused_before_anything_starts(where: str) -> None:
    world = Loading().with_accounts(4)
    with pytest.raises(ConditionRefused):
        await world.start(selection=Selection(where))
    assert (world.runs.rows, world.pages.waiting) == ({}, [])


async def test_who_pauses_while_a_page_is_under_way_is_heard_and_nothing_is_lost() -> None:
    world = Loading().with_accounts(10)
    await world.start()

    async def pauses(step: str) -> None:
        if step == "after queue.send_all":
            await world.steer.pause("anna")

    page = world.pages.take()
    assert page is not None
    await world.page(page, pauses)
    assert (world.run.state, world.run.cause, world.run.sent) == (LoadState.PAUSED, "paused by anna", 0)
    await world.work()
    assert world.run.state is LoadState.PAUSED
    await world.steer.resume()
    await world.work()
    assert (world.run.state, len(world.operations.customers)) == (LoadState.DONE, 10)


async def test_resume_sends_a_page_that_the_broker_has_seen_already() -> None:
    world = Loading().with_accounts(4)
    await world.start()
    world.pages.waiting.clear()  # the page was lost
    await world.steer.resume()
    await world.work()
    assert world.run.state is LoadState.DONE


async def test_a_page_from_before_a_pause_starts_no_second_chain() -> None:
    world = Loading().with_accounts(4)
    await world.start()
    old = world.pages.take()
    assert old is not None
    await world.steer.pause("anna")
    await world.steer.resume()
    world.pages.seen.clear()  # the broker remembers ten minutes
    await world.page(old)
    assert len(world.pages.waiting) == 1
    assert world.run.sent == 0


async def test_who_cancels_is_told_how_many_checks_are_still_queued() -> None:
    world = Loading().with_accounts(20)
    await world.start()
    page = world.pages.take()
    assert page is not None
    await world.page(page)
    run, queued = await world.steer.cancel("anna")
    assert (run.state, queued) == (LoadState.CANCELLED, 4)
    await world.work()
    assert (world.run.sent, len(world.operations.customers)) == (4, 4)


async def test_a_limit_ends_the_load_after_so_many_accounts() -> None:
    world = Loading().with_accounts(20)
    await world.start(limit=6)
    await world.work()
    assert (world.run.state, world.run.sent, len(world.operations.customers)) == (LoadState.DONE, 6, 6)


async def test_a_rate_spreads_the_checks_over_time() -> None:
    world = Loading().with_accounts(12)
    began = world.clock.now()
    await world.start(rate=6)
    await world.work()
    checked = sorted(datetime.fromisoformat(world.state(f"A{place}").log[0].at) for place in range(12))
    assert checked[-1] - began >= timedelta(seconds=110)
    gaps = [after - before for before, after in pairwise(checked)]
    assert min(gaps) >= timedelta(seconds=9)


# --- the limit of creations


async def test_at_its_limit_a_load_pauses_parks_nothing_and_goes_on_with_a_higher_one() -> None:
    world = Loading(settings=SMALL | {"max_creates_per_hour": 1}).with_accounts(12)
    await world.start(max_creates=7)
    await world.work(longest=timedelta(minutes=20))
    assert (world.run.state, len(world.operations.customers)) == (LoadState.PAUSED, 7)
    assert "7 customers" in world.run.cause
    assert "--max-creates" in world.run.remedy
    assert world.issues.rows == {}
    assert all(change.attempt == 0 for _, _, change in world.queue.waiting), "waiting is no attempt"
    await world.steer.resume(max_creates=12)
    await world.work()
    assert (world.run.state, len(world.operations.customers)) == (LoadState.DONE, 12)
    assert world.issues.rows == {}
    assert (await world.report()).created == 12


async def test_exactly_as_many_creations_as_allowed_need_no_pause() -> None:
    world = Loading().with_accounts(9)
    await world.start(max_creates=9)
    await world.work()
    assert (world.run.state, len(world.operations.customers)) == (LoadState.DONE, 9)


async def test_the_creations_of_a_load_leave_the_hours_ceiling_to_events() -> None:
    world = Loading(settings=SMALL | {"max_creates_per_hour": 2}).with_accounts(6)
    await world.start()
    await world.work()
    assert len(world.operations.customers) == 6
    assert await world.sync(*(world.save(f"E{place}") for place in range(3))) == [
        "created",
        "created",
        "parked",
    ]


async def test_after_a_cancel_a_check_over_the_limit_is_parked_and_not_lost() -> None:
    world = Loading().with_accounts(4)
    await world.start(max_creates=2)
    await world.work(longest=timedelta(minutes=5))
    await world.steer.cancel("anna")
    await world.work()
    assert {key for key, _ in world.issues.rows} == {"GuardTripped|creates"}
    assert (len(world.issues.rows), len(world.operations.customers)) == (2, 2)


async def test_a_refused_creation_uses_up_nothing_of_the_limit() -> None:
    world = Loading().with_accounts(4)
    world.operations.customers = {}
    await world.start(max_creates=3)
    first = account("A0")
    world.save("A0", "Yen")
    await world.work()
    assert (world.run.state, len(world.operations.customers)) == (LoadState.DONE, 3)
    assert {id_ for _, id_ in world.issues.rows} == {first}


# --- counting before


def _count_plan(world: Loading) -> CountPlan:
    return CountPlan(world.accounts, world.preview(), 3)


async def test_a_dry_run_counts_each_decision_and_writes_nothing() -> None:
    world = Loading().with_accounts(5)
    await world.sync(world.save("U", "Euro"), world.save("S", "Euro"))
    world.save("U", telephone1="9")
    world.save("P", "Yen")
    world.save("F", statecode=1)
    before = (dict(world.states.rows), dict(world.operations.customers), dict(world.owners.rows))
    told: list[int] = []
    plan = await _count_plan(world).of(ALL, 0, told.append)
    assert plan == PlanCounts(create=5, update=1, unchanged=1, filtered=1, park={"UnmappedCurrency": 1})
    assert told[-1] == plan.total == 9
    assert before == (world.states.rows, world.operations.customers, world.owners.rows)
    await world.start(max_creates=plan.create)
    await world.work()
    report = await world.report()
    assert (report.created, report.updated, report.unchanged, report.filtered, report.parked) == (
        *(plan.create, plan.update, plan.unchanged, plan.filtered),
        plan.park,
    )


async def test_a_dry_run_tells_adoptions_from_creations() -> None:
    world = Loading().with_accounts(3)
    await world.sync(world.event("A0"))
    world.states.rows.clear()
    world.owners.rows.clear()
    plan = await _count_plan(world).of(ALL, 0, lambda _: None)
    assert (plan.create, plan.adopt) == (2, 1)
    assert (await _count_plan(world).of(ALL, 2, lambda _: None)).total == 2
