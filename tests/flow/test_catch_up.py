"""Catch-up: what no event told is found, whatever interrupts the runs, and no check is sent for nothing."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.load.catch_up import CatchUp
from shared.model.catch_up import Request, Walk
from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.faults import QueueUnavailable, System, TransientFault
from shared.model.outcome import Ending
from shared.model.state import Phase
from shared.wiring.catch_up import Sources, catch_up_of
from tests.fakes.changes import FakeChanges, FakeKnown, FakeNotes
from tests.flow.world import Crash, Gate, Gated, World, account

MINUTES, MARGIN = 15, 300


@dataclass
class Scene:
    """A world with catch-up in it; events come only where a test sends them."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.changes = FakeChanges(self.world.sales)
        self.known = FakeKnown(self.world.states)
        self.notes = FakeNotes(self.world.control)

    def catch_up(self, gate: Gate | None = None) -> CatchUp:
        if gate is None:
            return catch_up_of(self.world.application(), Sources(self.changes, self.known, self.notes))
        gated = Sources(
            *(
                Gated(port, name, gate)  # pyright: ignore[reportArgumentType]
                for name, port in (("changes", self.changes), ("known", self.known), ("notes", self.notes))
            )
        )
        return catch_up_of(self.world.application(gate), gated)

    async def run(self, *, later: float = MINUTES * 60) -> list[AccountChange]:
        """Let the time for a pass come, do it to its end, and give the checks that it sent."""
        self.world.clock.advance(later)
        before, version = len(self.world.queue.sent), -1
        await self.catch_up().run_if_due()
        while self.notes.state.walk is not None and self.notes.version != version:
            version = self.notes.version
            self.world.clock.advance(60)
            await self.catch_up().run_if_due()
        return self.world.queue.sent[before:]

    async def pass_and_drain(self) -> list[AccountChange]:
        checks = await self.run()
        await self.world.drain()
        return checks


@pytest.fixture
async def scene() -> Scene:
    """Five accounts that are written, and a link to what changes from now on."""
    made = Scene()
    await made.world.sync(*(made.world.save(f"A{number}") for number in range(5)))
    assert await made.run() == []
    assert made.notes.state.link
    return made


def names(checks: list[AccountChange]) -> Counter[str]:
    known = {account(f"A{number}"): f"A{number}" for number in range(20)}
    return Counter(known[check.account_id] for check in checks)


def phone(scene: Scene, name: str) -> object:
    customer = scene.world.customer(name)
    return customer and customer["PrimaryContactPhone"]


async def test_a_change_without_an_event_is_found_and_written_after_the_margin(scene: Scene) -> None:
    scene.world.save("A1", telephone1="1")
    checks = await scene.run()
    assert names(checks) == {"A1": 1}
    assert [(check.source, check.kind) for check in checks] == [(Source.CATCH_UP, ChangeKind.CHECK)]
    due = scene.world.queue.next_due()
    assert due is not None
    assert due - scene.world.clock.now() == timedelta(seconds=MARGIN)
    await scene.world.drain()
    assert phone(scene, "A1") == "1"


async def test_no_check_is_sent_for_an_account_that_is_up_to_date(scene: Scene) -> None:
    await scene.world.sync(*(scene.world.save(f"A{number}", telephone1="1") for number in range(5)))
    assert await scene.run() == []
    assert scene.notes.state.last is not None
    assert scene.notes.state.last.tally.accounts == 5


async def test_a_deletion_without_an_event_blocks_the_customer(scene: Scene) -> None:
    scene.world.delete("A2")
    checks = await scene.pass_and_drain()
    assert [(check.account_id, check.kind) for check in checks] == [(account("A2"), ChangeKind.DELETE)]
    assert scene.world.state("A2").phase is Phase.DELETED
    assert scene.world.endings()[-1] is Ending.DELETED


async def test_a_deletion_that_is_known_or_of_an_unknown_account_needs_no_check(scene: Scene) -> None:
    await scene.world.sync(scene.world.delete("A2"))
    scene.world.save("A9")
    scene.world.delete("A9")
    assert await scene.run() == []


async def test_an_unknown_account_is_left_to_the_first_load_until_it_changes() -> None:
    scene = Scene()
    scene.world.save("A1")
    scene.world.save("A2")
    assert await scene.run() == []
    scene.world.save("A2", telephone1="2")
    scene.world.save("A3")
    assert names(await scene.pass_and_drain()) == {"A2": 1, "A3": 1}
    assert scene.world.customer("A3") is not None


async def test_the_first_pass_finds_what_the_app_missed_before() -> None:
    scene = Scene()
    await scene.world.sync(*(scene.world.save(f"A{number}") for number in range(3)))
    scene.world.save("A1", telephone1="missed")
    assert names(await scene.pass_and_drain()) == {"A1": 1}
    assert phone(scene, "A1") == "missed"


async def test_after_an_expired_link_changes_new_accounts_and_deletions_are_found(scene: Scene) -> None:
    scene.world.save("A1", telephone1="1")
    scene.world.delete("A2")
    scene.world.save("A7")
    scene.changes.expire()
    checks = await scene.pass_and_drain()
    assert names(checks) == {"A1": 1, "A2": 1, "A7": 1}
    assert {check.account_id: check.kind for check in checks}[account("A2")] is ChangeKind.DELETE
    assert phone(scene, "A1") == "1"
    assert scene.world.state("A2").phase is Phase.DELETED
    assert scene.world.customer("A7") is not None
    scene.world.save("A3", telephone1="3")
    assert names(await scene.pass_and_drain()) == {"A3": 1}, "the new link is used"


async def test_where_tracking_is_off_changes_are_found_by_modifiedon_and_deletions_are_not() -> None:
    scene = Scene()
    scene.changes.tracked = False
    await scene.world.sync(*(scene.world.save(f"A{number}") for number in range(5)))
    assert await scene.run() == []
    scene.world.save("A1", telephone1="1")
    scene.world.save("A8")
    scene.world.delete("A2")
    assert names(await scene.pass_and_drain()) == {"A1": 1, "A8": 1}
    assert scene.notes.state.last is not None
    assert not scene.notes.state.last.walk.finds_deletions


async def test_a_pass_by_modifiedon_overlaps_the_last_one_by_the_margin() -> None:
    scene = Scene()
    scene.changes.tracked = False
    await scene.world.sync(scene.world.save("A1"))
    await scene.run()
    # Stamped before the last pass began, and committed after it.
    scene.world.clock.advance(-(MARGIN - 1))
    scene.world.save("A1", telephone1="late")
    scene.world.clock.advance(MARGIN - 1)
    assert names(await scene.run()) == {"A1": 1}


async def test_when_tracking_is_switched_on_nothing_is_skipped_on_the_way() -> None:
    scene = Scene()
    scene.changes.tracked = False
    await scene.world.sync(scene.world.save("A1"))
    await scene.run()
    scene.world.save("A5")  # unknown to AccountSync
    scene.changes.tracked = True
    walks, found = list[Walk | None](), Counter[str]()
    for _ in range(3):
        found += names(await scene.pass_and_drain())
        walks.append(scene.notes.state.last and scene.notes.state.last.walk)
    assert walks == [Walk.FIRST, Walk.MODIFIED, Walk.CHANGES]
    assert found == {"A5": 1}


async def test_when_the_link_is_refused_and_tracking_is_off_the_pass_goes_by_modifiedon(scene: Scene) -> None:
    scene.world.save("A1", telephone1="1")
    scene.changes.tracked = False
    assert names(await scene.run()) == {"A1": 1}
    assert scene.notes.state.untracked


async def test_a_live_event_that_comes_within_the_margin_makes_the_check_cheap(scene: Scene) -> None:
    late = scene.world.save("A1", telephone1="1")
    checks = await scene.run()
    scene.world.clock.advance(5)
    await scene.world.queue.send(late)
    await scene.world.deliver(scene.world.take())
    reads = scene.world.sales.reads
    await scene.world.drain()
    assert names(checks) == {"A1": 1}
    assert scene.world.endings()[-1] is Ending.COVERED
    assert scene.world.sales.reads == reads


async def test_a_read_in_the_same_second_as_the_change_does_not_cover_its_check(scene: Scene) -> None:
    """The clock of an answer counts in seconds."""
    scene.world.clock.advance(MINUTES * 60)
    await scene.world.deliver(scene.world.check("A1"))
    assert scene.world.state("A1").read_at == scene.world.clock.now()
    scene.world.save("A1", telephone1="1")
    assert names(await scene.run(later=0)) == {"A1": 1}
    await scene.world.drain()
    assert phone(scene, "A1") == "1"


async def test_between_two_passes_nothing_is_asked(scene: Scene) -> None:
    asked = len(scene.changes.requests)
    await scene.run(later=60)
    assert len(scene.changes.requests) == asked


@pytest.mark.parametrize("minutes", [0, 15])
async def test_a_person_gets_a_pass_at_once_also_where_catch_up_is_off(minutes: int) -> None:
    scene = Scene(World(settings={"catch_up_minutes": minutes}))
    await scene.run(later=MINUTES * 60)
    asked = len(scene.changes.requests)
    assert (asked == 0) == (minutes == 0)
    scene.notes.request = Request("r1", scene.world.clock.now())
    await scene.run(later=60)
    assert len(scene.changes.requests) > asked
    assert (scene.notes.state.answered, scene.notes.state.trouble) == ("r1", "")
    asked = len(scene.changes.requests)
    await scene.run(later=60)
    assert len(scene.changes.requests) == asked


async def test_a_request_is_answered_by_a_pass_that_begins_after_it(scene: Scene) -> None:
    for number in range(5):
        scene.world.save(f"A{number}", telephone1="1")

    async def stop_after_a_page(step: str) -> None:
        if step == "after notes.write":
            raise Crash

    scene.world.clock.advance(MINUTES * 60)
    with pytest.raises(Crash):
        await scene.catch_up(stop_after_a_page).run_if_due()
    scene.notes.request = Request("r1", scene.world.clock.now())
    await scene.run(later=60)
    assert scene.notes.state.answered == ""
    await scene.run(later=60)
    assert scene.notes.state.answered == "r1"


@pytest.mark.parametrize("system", [System.OPERATIONS, System.DATAVERSE])
async def test_while_a_system_is_paused_it_does_not_run_and_says_so_to_who_asked(
    scene: Scene, system: System
) -> None:
    await scene.world.application().breakers.pause([system], "anna")
    scene.world.save("A1", telephone1="1")
    scene.notes.request = Request("r1", scene.world.clock.now())
    assert await scene.run() == []
    assert scene.notes.state.answered == "r1"
    assert "paused by anna" in scene.notes.state.trouble
    assert not scene.notes.state.away


async def test_while_a_system_is_away_who_asked_is_told_that_it_is(scene: Scene) -> None:
    breakers = scene.world.application().breakers
    for _ in range(20):
        await breakers.failed(System.OPERATIONS, TransientFault(System.OPERATIONS, "answered 503"))
    scene.world.operations.trouble = TransientFault(System.OPERATIONS, "answered 503")
    scene.notes.request = Request("r1", scene.world.clock.now())
    assert await scene.run() == []
    assert "answered 503" in scene.notes.state.trouble
    assert scene.notes.state.away


async def test_a_fault_ends_the_run_is_told_and_opens_no_breaker(scene: Scene) -> None:
    scene.world.save("A1", telephone1="1")
    scene.world.sales.trouble = TransientFault(System.DATAVERSE, "answered 503")
    scene.notes.request = Request("r1", scene.world.clock.now())
    assert await scene.run() == []
    assert "answered 503" in scene.notes.state.trouble
    assert scene.notes.state.away
    assert scene.world.control.breaker_rows == {}
    scene.world.sales.trouble = None
    assert names(await scene.run(later=60)) == {"A1": 1}, "it is due again at once"


async def test_what_could_not_be_sent_is_sent_by_the_next_run(scene: Scene) -> None:
    scene.world.save("A1", telephone1="1")
    scene.world.queue.trouble = QueueUnavailable("away")
    assert await scene.run() == []
    scene.world.queue.trouble = None
    assert names(await scene.run(later=60)) == {"A1": 1}


async def _expired(scene: Scene) -> None:
    scene.changes.expire()


async def _kept(_: Scene) -> None:
    """The link is good."""


@pytest.mark.parametrize("prepare", [_kept, _expired])
async def test_a_run_that_stops_at_any_step_loses_nothing(prepare: object) -> None:
    step = 0
    stopped = True
    while stopped:
        scene = Scene()
        await scene.world.sync(*(scene.world.save(f"A{number}") for number in range(5)))
        await scene.run()
        for number in (0, 1, 3):
            scene.world.save(f"A{number}", telephone1="1")
        scene.world.delete("A2")
        scene.world.save("A8")
        if prepare is _expired:
            await _expired(scene)
        stopped = await _stop_at(scene, step)
        await scene.run(later=60)
        await scene.pass_and_drain()
        assert [phone(scene, f"A{number}") for number in (0, 1, 3)] == ["1"] * 3, step
        assert scene.world.state("A2").phase is Phase.DELETED, step
        assert scene.world.customer("A8") is not None, step
        step += 1
    assert step > 20


async def _stop_at(scene: Scene, number: int) -> bool:
    """Do one run that ends at the step of this number. Return whether it came that far."""
    left = number

    async def gate(step: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash

    scene.world.clock.advance(MINUTES * 60)
    try:
        await scene.catch_up(gate).run_if_due()
    except Crash:
        return True
    return False


async def test_a_run_ends_in_time_and_the_next_one_goes_on(scene: Scene) -> None:
    for number in range(5):
        scene.world.save(f"A{number}", telephone1="1")

    async def slow(step: str) -> None:
        if step.startswith("after changes."):
            scene.world.clock.advance(20)

    scene.world.clock.advance(MINUTES * 60)
    await scene.catch_up(slow).run_if_due()
    assert scene.notes.state.walk is Walk.CHANGES
    sent = len(scene.world.queue.sent)
    checks = await scene.run(later=60)
    assert sent + len(checks) == 10
    assert set(names(checks).values()) == {1}


async def test_checks_become_due_one_after_the_other(scene: Scene) -> None:
    for number in range(5):
        scene.world.save(f"A{number}", telephone1="1")
    await scene.run()
    dues = [due for due, _, _ in scene.world.queue.waiting]
    assert [(due - dues[0]).total_seconds() for due in dues] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


async def test_counting_sends_and_stores_nothing(scene: Scene) -> None:
    scene.world.save("A1", telephone1="1")
    scene.world.delete("A2")
    before = scene.notes.state
    found = await scene.catch_up().count()
    assert found.last is not None
    assert (found.last.tally.checks, found.last.tally.deletions) == (2, 1)
    assert (scene.notes.state, scene.world.queue.waiting) == (before, [])
    assert names(await scene.run()) == {"A1": 1, "A2": 1}


async def test_who_only_counts_is_told_that_sales_does_not_answer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(step: str) -> None:
        if step == "before changes.follow":
            await asyncio.Event().wait()

    monkeypatch.setattr("shared.load.catch_up.LONGEST", timedelta(seconds=0.01))
    with pytest.raises(TransientFault, match="no page was read within"):
        await scene.catch_up(hangs).count()


async def test_of_two_runs_the_slower_one_stops(scene: Scene) -> None:
    scene.world.save("A1", telephone1="1")

    async def other_is_faster(step: str) -> None:
        if step == "before notes.write":
            scene.notes.version += 1

    scene.world.clock.advance(MINUTES * 60)
    await scene.catch_up(other_is_faster).run_if_due()
    assert scene.notes.state.link.startswith("delta!")
    assert names(await scene.run(later=60)) == {"A1": 1}


async def _act(scene: Scene, action: str, number: int, phone: str) -> None:
    name = f"A{number}"
    match action:
        case "save":
            scene.world.save(name, telephone1=phone)
        case "event":
            await scene.world.send(scene.world.save(name, telephone1=phone))
        case "delete":
            scene.world.delete(name)
        case "pass":
            await scene.run()
        case "expire":
            scene.changes.expire()
        case "stop":
            await _stop_at(scene, number * 3)
        case _:
            await scene.world.drain()


ACTIONS = st.sampled_from(["save", "event", "delete", "pass", "expire", "stop", "wait"])


@given(st.lists(st.tuples(ACTIONS, st.integers(0, 5)), max_size=25))
async def test_whatever_happens_a_last_pass_brings_all_up_to_date(actions: list[tuple[str, int]]) -> None:
    scene = Scene()
    await scene.world.sync(*(scene.world.save(f"A{number}") for number in range(4)))
    await scene.run()
    for place, (action, number) in enumerate(actions):
        await _act(scene, action, number, str(place))
    await scene.run(later=60)
    await scene.pass_and_drain()
    for number in range(6):
        name = f"A{number}"
        row = scene.world.sales.rows.get(account(name))
        if row is not None:
            assert phone(scene, name) == (row.columns.get("telephone1") or ""), name
        elif account(name) in scene.world.states.rows:
            assert scene.world.state(name).phase is Phase.DELETED, name


async def _silent(scene: Scene, passes: int) -> None:
    """Changes whose events do not come, and passes that find them, 20 minutes apart."""
    for number in range(passes):
        scene.world.save(f"A{number}", telephone1=str(scene.world.clock.now()))
        await scene.pass_and_drain()


async def test_if_only_catch_up_finds_changes_for_an_hour_events_are_missing_until_one_comes(
    scene: Scene,
) -> None:
    await _silent(scene, 3)
    await scene.run()
    assert scene.world.control.missing == ""
    await _silent(scene, 1)
    await scene.run()
    assert "no event came" in scene.world.control.missing
    health = scene.world.application().health
    assert await health.control.events_missing() == scene.world.control.missing
    await scene.world.sync(scene.world.save("A4", telephone1="by event"))
    await scene.run()
    await scene.run()
    assert scene.world.control.missing == ""


async def test_one_lost_event_among_others_is_no_silence(scene: Scene) -> None:
    for number in range(10):
        scene.world.save("A1", telephone1=f"lost {number}")
        await scene.world.sync(scene.world.save("A2", telephone1=f"{number}"))
        await scene.pass_and_drain()
    await scene.run()
    assert scene.world.control.missing == ""
