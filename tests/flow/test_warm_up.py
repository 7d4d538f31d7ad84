"""What is opened and read after a start, before the first event: no more than it would need, and no write."""

from pathlib import Path

import pytest

from shared.model.faults import System, TransientFault
from tests.flow.world import World

NO_CURRENCY = """
company.setting = "OPERATIONS_COMPANY"
key = { column = "accountnumber", field = "CustomerAccount" }
hold = { field = "OnHoldStatus", blocked = "All" }
fields.OrganizationName.column = "name"
"""


class Calls:
    """The gate of a worker that notes each call to the outside."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def __call__(self, step: str) -> None:
        when, _, call = step.partition(" ")
        if when == "before":
            self.made.append(call)


@pytest.fixture
def calls() -> Calls:
    return Calls()


def world_that_notes_probes(calls: Calls, field_map: str = "operations") -> World:
    """A world in which a probe of Sales is one of the calls."""
    world = World(field_map=field_map)

    async def probe() -> None:
        calls.made.append("sales.probe")

    world.sales.probe = probe
    return world


async def test_what_the_first_event_waits_for_is_there_before_it(calls: Calls) -> None:
    await world_that_notes_probes(calls).application(calls).warm_up()
    opened = ["control.breakers", "queue.open", "sales.probe"]
    assert sorted(calls.made) == sorted([*opened, "mappings.by_name", "target.knows_currency"])


async def test_a_field_map_without_a_currency_asks_for_none(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(NO_CURRENCY, encoding="utf-8")
    world = world_that_notes_probes(calls, str(tmp_path / "map.toml"))
    await world.application(calls).warm_up()
    assert sorted(calls.made) == ["control.breakers", "queue.open", "sales.probe"]


async def test_nothing_is_asked_while_a_system_is_paused(calls: Calls) -> None:
    world = world_that_notes_probes(calls)
    await world.application().breakers.pause([System.OPERATIONS], "ann")
    await world.application(calls).warm_up()
    assert calls.made == ["control.breakers"]


async def test_what_cannot_be_opened_hinders_nothing(calls: Calls) -> None:
    world = world_that_notes_probes(calls)
    world.queue.trouble = TransientFault(System.SERVICE_BUS, "is away")
    await world.application(calls).warm_up()
    assert "target.knows_currency" in calls.made
