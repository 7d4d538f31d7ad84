"""The port Actions: the fake and Azurite behave alike."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.console.replaying import MOST
from shared.model.action import OperatorAction, action_id
from shared.model.faults import TransientFault
from shared.ports.actions import Actions
from shared.storage.actions import ActionTable
from tests.contract.conftest import NewTable
from tests.fakes.actions import FakeActions
from tests.unit.making import NOW

WHO = UUID(int=7)


@pytest.fixture(params=["fake", "azurite"])
async def actions(request: pytest.FixtureRequest, new_table: NewTable) -> Actions:
    return FakeActions() if request.param == "fake" else ActionTable(await new_table())


def action(minute: int, **members: object) -> OperatorAction:
    at = NOW + timedelta(minutes=minute)
    values = {"what": "replay", "ids": ("a", "b"), "count": 2, "why": "=<b>asked</b>"} | members
    return OperatorAction(id=action_id(at), at=at, who=WHO, **values)  # pyright: ignore[reportArgumentType]


async def test_an_action_is_kept_as_it_was_added(actions: Actions) -> None:
    kept = action(0)
    await actions.add(kept)
    assert await actions.get(kept.id) == kept
    assert await actions.get(uuid4()) is None


async def test_all_ids_of_the_largest_action_are_kept(actions: Actions) -> None:
    kept = action(0, ids=tuple(str(UUID(int=number)) for number in range(MOST)), count=MOST)
    await actions.add(kept)
    assert await actions.get(kept.id) == kept
    assert await actions.newest(1) == [kept]


async def test_the_newest_come_first_and_no_more_than_asked(actions: Actions) -> None:
    rows = [action(minute) for minute in range(5)]
    for row in (rows[2], rows[0], rows[4], rows[1], rows[3]):
        await actions.add(row)
    assert await actions.newest(3) == [rows[4], rows[3], rows[2]]


async def test_of_no_actions_there_is_none(actions: Actions) -> None:
    assert await actions.newest(3) == []


async def test_a_row_is_never_overwritten(new_table: NewTable) -> None:
    table, kept = ActionTable(await new_table()), action(0)
    await table.add(kept)
    with pytest.raises(TransientFault):
        await table.add(kept)
