"""What catch-up reads and stores in tables: the fakes and Azurite behave alike."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from azure.data.tables.aio import TableClient

from shared.model.catch_up import (
    LONGEST_LINK,
    CatchUpState,
    KnownAccount,
    Noted,
    Passed,
    Request,
    Silence,
    Tally,
    Walk,
)
from shared.model.faults import StateConflict
from shared.model.state import SyncState
from shared.ports import Control, SyncStates
from shared.ports.catch_up import CatchUpNotes, KnownAccounts
from shared.storage.catch_up import CatchUpTable
from shared.storage.control import ControlTable
from shared.storage.known_accounts import KnownAccountTable
from shared.storage.states import StateTable, encode_state
from tests.contract.conftest import NewTable
from tests.fakes.changes import FakeKnown, FakeNotes
from tests.fakes.tables import FakeControl, FakeStates

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
FULL = CatchUpState(
    walk=Walk.FULL,
    page="p" * LONGEST_LINK,
    begun_at=NOW,
    tally=Tally(3, 2, 1),
    serves="r1",
    link="ü" * LONGEST_LINK,
    untracked=True,
    since=NOW - timedelta(hours=1),
    next_due=NOW + timedelta(hours=1),
    last=Passed(NOW, Walk.CHANGES, Tally(30, 20, 10)),
    answered="r0",
    trouble="answered 503",
    silence=Silence(tuple(uuid4() for _ in range(40)), NOW, NOW, NOW, "no events come"),
)


class Known(NamedTuple):
    """The port, and the states that it reads."""

    known: KnownAccounts
    states: SyncStates


@pytest.fixture(params=["fake", "azurite"])
async def accounts(request: pytest.FixtureRequest, new_table: NewTable) -> Known:
    if request.param == "fake":
        fake = FakeStates()
        return Known(FakeKnown(fake), fake)
    table = await new_table()
    return Known(KnownAccountTable(table), StateTable(table))


def state(version: int | None = 7, *, deleted: bool = False) -> SyncState:
    return SyncState(account_id=uuid4(), organization_id=uuid4(), version=version, deleted=deleted)


def known(of: SyncState) -> KnownAccount:
    return KnownAccount(of.account_id, of.organization_id, of.version, of.deleted)


async def test_versions_are_read_by_id_and_unknown_accounts_are_left_out(accounts: Known) -> None:
    made = [state(), state(2**60), state(None), state(deleted=True), state()]
    for one in made:
        await accounts.states.put(one, None)
    found = await accounts.known.of([uuid4(), *(one.account_id for one in made[:4])])
    assert found == {one.account_id: known(one) for one in made[:4]}
    assert await accounts.known.of([]) == {}


async def test_all_that_were_not_found_deleted_come_page_by_page(accounts: Known) -> None:
    made = [state(), state(None), state(deleted=True), state(), state(deleted=True)]
    for one in made:
        await accounts.states.put(one, None)
    found, after, pages = list[KnownAccount](), "", 0
    while after or not pages:
        page = await accounts.known.present(after)
        found, after, pages = [*found, *page.rows], page.after, pages + 1
    assert sorted(found) == sorted(known(one) for one in made if not one.deleted)


class Counted:
    """A table that counts the requests to it."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self.by_id = self.ranges = 0

    async def get_entity(self, *args: object, **kwargs: object) -> object:
        self.by_id += 1
        return await self._table.get_entity(*args, **kwargs)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]

    def query_entities(self, *args: object, **kwargs: object) -> object:
        self.ranges += 1
        return self._table.query_entities(*args, **kwargs)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]


async def test_many_accounts_are_read_in_few_requests_and_a_few_among_many_by_id(new_table: NewTable) -> None:
    """The Table service ends a page after 1,000 rows."""
    table = await new_table()
    made = sorted((state() for _ in range(2_100)), key=lambda one: str(one.account_id))
    await asyncio.gather(*(table.create_entity(encode_state(one)) for one in made))
    counted = Counted(table)
    reader = KnownAccountTable(counted)  # pyright: ignore[reportArgumentType]
    found = await reader.of([one.account_id for one in made])
    assert found == {one.account_id: known(one) for one in made}
    assert (counted.ranges, counted.by_id) == (3, 0)
    few = made[::40]
    assert len(few) > 50
    assert await reader.of([one.account_id for one in few]) == {one.account_id: known(one) for one in few}
    assert counted.ranges + counted.by_id < 3 + len(few)
    sparse = [*made[::2_000], *(uuid4() for _ in range(60))]
    expected = {one.account_id: known(one) for one in made[::2_000]}
    assert await reader.of([one if isinstance(one, UUID) else one.account_id for one in sparse]) == expected


class Stored(NamedTuple):
    """The port, and the port of the function `health`."""

    notes: CatchUpNotes
    control: Control


@pytest.fixture(params=["fake", "azurite"])
async def stored(request: pytest.FixtureRequest, new_table: NewTable) -> Stored:
    if request.param == "fake":
        control = FakeControl()
        return Stored(FakeNotes(control), control)
    table = await new_table()
    return Stored(CatchUpTable(table), ControlTable(table))


@pytest.mark.parametrize("state", [CatchUpState(), FULL], ids=["empty", "full"])
async def test_the_state_comes_back_as_it_was_written(stored: Stored, state: CatchUpState) -> None:
    assert await stored.notes.read() == Noted(CatchUpState(), None, None)
    etag = await stored.notes.write(state, None)
    assert await stored.notes.read() == Noted(state, etag, None)
    assert await stored.control.events_missing() == state.silence.missing


async def test_of_two_writers_the_second_is_refused(stored: Stored) -> None:
    etag = await stored.notes.write(FULL, None)
    with pytest.raises(StateConflict):
        await stored.notes.write(FULL, None)
    await stored.notes.write(replace(FULL, link="new"), etag)
    with pytest.raises(StateConflict):
        await stored.notes.write(FULL, etag)


async def test_a_request_changes_no_state_and_replaces_the_one_before(stored: Stored) -> None:
    etag = await stored.notes.write(FULL, None)
    for number in range(2):
        request = Request(f"r{number}", NOW)
        await stored.notes.ask(request)
        assert await stored.notes.read() == Noted(FULL, etag, request)


async def test_before_the_first_pass_no_events_are_missing(stored: Stored) -> None:
    assert await stored.control.events_missing() == ""
