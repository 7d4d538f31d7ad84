"""An app that runs but no longer takes changes is noticed; one that is idle, busy or paused is not."""

import logging
from datetime import timedelta

import pytest

from shared.environment import restart_command
from shared.model.faults import QueueUnavailable, System, TransientFault
from shared.model.queues import QueueDepth
from shared.wiring.watching import watch_queues_of
from tests.fakes.clock import START
from tests.fakes.telemetry import exported
from tests.flow.world import World

MINUTE = 60


@pytest.fixture
def world() -> World:
    return World()


async def watch(world: World, minutes: int, told: pytest.LogCaptureFixture) -> list[str]:
    """Watch once a minute for so long, and give the lines that an alert reads."""
    told.clear()
    told.set_level(logging.INFO, "account_sync")
    for _ in range(minutes):
        await watch_queues_of(world.application()).run()
        world.clock.advance(MINUTE)
    return [line for line in told.messages if line.startswith("changes are not taken: ")]


async def test_changes_that_wait_for_ten_minutes_without_an_outcome_are_told_until_they_are_taken(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.send(world.save("A1"), world.save("A2"))
    assert await watch(world, 10, caplog) == []
    first, second = await watch(world, 2, caplog)
    assert first == second
    assert first.startswith("changes are not taken: 2 wait; ")
    assert f"`{restart_command()}`" in first
    assert world.control.untaken_now is not None
    await world.drain()
    assert await watch(world, 1, caplog) == []
    assert world.control.untaken_now is None


async def test_an_app_whose_queue_is_never_empty_but_moves_is_well(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        await world.send(world.save(f"A{number}"))
    lines: list[str] = []
    for _ in range(5):
        lines += await watch(world, 8, caplog)
        await world.deliver(world.take())
        await world.send(world.save("B", telephone1=str(len(world.outcomes))))
    assert lines == []
    # and then it stops; the last outcome counts as at the end of its minute
    assert len(await watch(world, 20, caplog)) == 9


async def test_a_paused_app_is_well_and_its_time_begins_anew(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.send(world.save("A1"))
    await watch(world, 9, caplog)
    await world.application().breakers.pause([System.OPERATIONS], "anna")
    assert await watch(world, 30, caplog) == []
    await world.application().breakers.resume([System.OPERATIONS])
    assert await watch(world, 10, caplog) == []
    assert len(await watch(world, 1, caplog)) == 1


async def test_messages_for_later_are_none_that_wait(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.queue.send(world.save("A1"), world.clock.now() + timedelta(hours=2))
    assert await watch(world, 30, caplog) == []


@pytest.mark.parametrize("trouble", [QueueUnavailable("away"), TransientFault(System.TABLES, "answered 503")])
async def test_counts_that_cannot_be_had_are_told_and_change_nothing(
    world: World, caplog: pytest.LogCaptureFixture, trouble: QueueUnavailable | TransientFault
) -> None:
    await world.send(world.save("A1"))
    await watch(world, 1, caplog)
    noted = world.control.untaken_now
    world.depths.trouble = trouble
    assert await watch(world, 1, caplog) == []
    assert caplog.messages == [f"the queues were not watched: {trouble}"]
    assert noted is not None
    assert world.control.untaken_now == noted


async def test_the_queues_are_measured_by_name_and_state(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.send(world.save("A1"))
    hour = START - timedelta(hours=1)
    world.depths.others = [
        QueueDepth("load-pages", 3, 2, 1, hour),
        QueueDepth("rejected-events", 0, 0, 0, None),
    ]
    with exported() as out:
        await watch(world, 1, caplog)
        await world.application().report_waiting.run()
        depths = {key: point.value for key, point in out.points("sync.queue_depth").items()}
        ages = {key: point.value for key, point in out.points("sync.queue_oldest").items()}
    assert depths["account-changes", "active"] == 1
    assert [depths["load-pages", state] for state in ("active", "scheduled", "dead-letters")] == [3, 2, 1]
    assert ages == {("load-pages",): 3601.0, ("rejected-events",): 0.0, ("account-changes",): 0.0}


def test_the_command_names_the_app_where_azure_tells_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "func-sync")
    monkeypatch.setenv("WEBSITE_RESOURCE_GROUP", "rg-sync")
    assert restart_command() == "az functionapp restart --name func-sync --resource-group rg-sync"
