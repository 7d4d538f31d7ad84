"""What `heal` reports of work that waits: from the state, however long ago it began."""

import logging
from datetime import timedelta
from uuid import UUID

import pytest

from shared.model.faults import System, TransientFault
from shared.model.state import Phase, SyncState
from shared.resilience.report_waiting import EVERY, PAGES, ReportWaiting
from tests.flow.world import ORGANIZATION, World

LATE = TransientFault(System.OPERATIONS, "answered 503", about_system=False)


@pytest.fixture(autouse=True)
def _every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "account_sync")


def _told(log: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in log.messages if message.startswith("waiting: ")]


async def test_an_account_that_is_retried_for_a_day_is_a_day_old(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.operations.trouble = LATE
    await world.deliver(world.save("A1"))
    report = world.application().report_waiting
    world.clock.advance(timedelta(hours=23).total_seconds())
    await world.deliver(world.take())
    world.clock.advance(timedelta(hours=1).total_seconds())
    await report.run()
    assert _told(caplog) == ["waiting: oldest 1440 minutes, 1 accounts, systems: none"]
    world.operations.trouble = None
    await world.drain()
    assert world.state("A1").retrying_since is None
    world.clock.advance(EVERY.total_seconds())
    await report.run()
    assert _told(caplog)[1:] == ["waiting: oldest 0 minutes, 0 accounts, systems: none"]


async def test_a_forgotten_pause_grows_old_whatever_instance_reports(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    await world.application().breakers.pause([System.OPERATIONS], "anna")
    await world.application().report_waiting.run()
    world.clock.advance(timedelta(hours=30).total_seconds())
    await world.application().report_waiting.run()
    assert _told(caplog) == [
        "waiting: oldest 0 minutes, 0 accounts, systems: operations",
        "waiting: oldest 1800 minutes, 0 accounts, systems: operations",
    ]
    await world.application().breakers.resume([System.OPERATIONS])
    await world.application().report_waiting.run()
    assert _told(caplog)[2:] == ["waiting: oldest 0 minutes, 0 accounts, systems: none"]
    assert world.control.held == {}


async def test_an_unknown_outcome_counts_from_the_moment_it_should_have_been_cleared_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    now = world.clock.now()
    for number, minutes in ((1, 10), (2, -90)):
        state = SyncState(
            account_id=UUID(int=number),
            organization_id=ORGANIZATION,
            phase=Phase.SYNCED,
            unknown_until=now + timedelta(minutes=minutes),
        )
        await world.states.put(state, None)
    await world.application().report_waiting.run()
    assert _told(caplog) == ["waiting: oldest 90 minutes, 1 accounts, systems: none"]


async def test_the_line_is_written_every_five_minutes_and_in_between_nothing_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    report = world.application().report_waiting
    for _ in range(11):
        await report.run()
        world.clock.advance(60)
    assert len(_told(caplog)) == 3
    assert world.states.scans == 3


async def test_of_many_accounts_a_run_reads_a_few_pages_and_the_next_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    now = world.clock.now()
    for number in range(1, 100):
        since = now - timedelta(hours=number)
        state = SyncState(
            account_id=UUID(int=number),
            organization_id=ORGANIZATION,
            phase=Phase.RETRYING,
            retrying_since=since,
        )
        await world.states.put(state, None)
    world.states.page_size = 10
    report = ReportWaiting(world.states, world.control, world.clock)
    await report.run()
    assert (world.states.scans, _told(caplog)) == (PAGES, [])
    while world.states.scans < 10:
        before = world.states.scans
        await report.run()
        assert world.states.scans == min(before + PAGES, 10)
    assert _told(caplog) == [f"waiting: oldest {99 * 60} minutes, 99 accounts, systems: none"]


async def test_a_fault_of_the_tables_is_logged_and_the_next_run_reports(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    report = world.application().report_waiting

    async def away(after: str) -> None:
        raise TransientFault(System.TABLES, "no connection")

    with monkeypatch.context() as patched:
        patched.setattr(world.states, "waiting", away)
        await report.run()
    assert "no connection" in caplog.messages[-1]
    await report.run()
    assert len(_told(caplog)) == 1


async def test_accounts_are_counted_once_though_the_report_failed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.operations.trouble = LATE
    await world.deliver(world.save("A1"))
    report = world.application().report_waiting

    async def away() -> None:
        raise TransientFault(System.TABLES, "no connection")

    with monkeypatch.context() as patched:
        patched.setattr(world.control, "held_since", away)
        await report.run()
    await report.run()
    assert [line.split(", ")[1] for line in _told(caplog)] == ["1 accounts"]
