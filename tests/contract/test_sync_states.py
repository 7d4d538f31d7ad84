"""The port SyncStates: the fake and Azurite behave alike."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from local.ports import free_port
from shared.model.customer import CustomerKey
from shared.model.faults import ConfigurationFault, StateConflict, TransientFault
from shared.model.mapping import CURRENCIES, Usage, value_table
from shared.model.state import LOG_ENTRIES, Lease, LogEntry, Phase, ScannedAccount, SyncState
from shared.ports import SyncStates
from shared.storage.states import StateTable, encode_state
from tests.contract.conftest import NewTable, NewTables
from tests.fakes.tables import FakeStates

MOMENT = datetime(2026, 11, 22, 12, 0, 0, 123456, UTC)
NASTY = 'O\'Neil & "Söhne" / \\ # ? % \u0081 \u2028 € 😀 <xml> ={1}'


@pytest.fixture(params=["fake", "azurite", "memory"])
async def states(request: pytest.FixtureRequest, new_tables: NewTables) -> SyncStates:
    return FakeStates() if request.param == "fake" else StateTable(await new_tables[request.param]())


def blank() -> SyncState:
    return SyncState(account_id=uuid4(), organization_id=uuid4())


def full() -> SyncState:
    """A state with every member set, as large as one gets."""
    state = replace(
        blank(),
        phase=Phase.PARKED,
        customer=CustomerKey("usmf", NASTY, id="5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5d"),
        replaced={"City": "0123456789abcdef"},
        intent=CustomerKey("demf", "C-2"),
        currency_key=NASTY,
        mapped_keys={"PaymentTerms": (NASTY, "1"), "DeliveryTerms": ("exw",)},
        issue=f"UnmappedCurrency|{NASTY}",
        previous_hold="",
        deleted=True,
        version=2**60,
        read_at=MOMENT,
        confirmed={f"Field{number}": "0123456789abcdef" for number in range(150)},
        fingerprint_key="01234567",
        field_map="0123456789ab",
        retrying_since=MOMENT,
        unknown_until=MOMENT + timedelta(seconds=600),
        lease=Lease(uuid4(), MOMENT + timedelta(microseconds=1)),
        last_attempt=NASTY * 10,
    )
    for number in range(LOG_ENTRIES):
        line = LogEntry(MOMENT.isoformat(), "updated", NASTY * 12, "webhook", "update", str(uuid4()), number)
        state = state.logged(line)
    return state


async def test_an_unknown_account_has_no_state(states: SyncStates) -> None:
    assert await states.get(uuid4()) is None


@pytest.mark.parametrize("make", [blank, full])
async def test_a_state_comes_back_as_it_was_put(states: SyncStates, make: Callable[[], SyncState]) -> None:
    state = make()
    etag = await states.put(state, None)
    stored = await states.get(state.account_id)
    assert stored is not None
    assert (stored.state, stored.etag) == (state, etag)
    assert repr(stored.state.customer) == repr(state.customer), "with the ERP's own id"


@pytest.mark.parametrize("phase", [None, *Phase])
async def test_every_phase_comes_back(states: SyncStates, phase: Phase | None) -> None:
    state = replace(blank(), phase=phase)
    await states.put(state, None)
    stored = await states.get(state.account_id)
    assert stored is not None
    assert stored.state.phase is phase


async def test_what_is_not_known_any_more_is_gone_after_a_put(states: SyncStates) -> None:
    state = full()
    etag = await states.put(state, None)
    empty = SyncState(account_id=state.account_id, organization_id=state.organization_id)
    await states.put(empty, etag)
    stored = await states.get(state.account_id)
    assert stored is not None
    assert stored.state == empty


async def test_a_second_insert_conflicts(states: SyncStates) -> None:
    state = blank()
    await states.put(state, None)
    with pytest.raises(StateConflict):
        await states.put(state, None)


async def test_only_the_etag_that_was_read_replaces(states: SyncStates) -> None:
    state = blank()
    first = await states.put(state, None)
    second = await states.put(replace(state, version=1), first)
    assert first != second
    with pytest.raises(StateConflict):
        await states.put(replace(state, version=2), first)
    stored = await states.get(state.account_id)
    assert stored is not None
    assert (stored.state.version, stored.etag) == (1, second)


async def test_a_replacement_of_nothing_conflicts(states: SyncStates) -> None:
    other = await states.put(blank(), None)
    with pytest.raises(StateConflict):
        await states.put(blank(), other)


@pytest.mark.parametrize("known", [True, False])
async def test_of_workers_at_the_same_time_one_wins(states: SyncStates, known: bool) -> None:
    state = blank()
    etag = await states.put(state, None) if known else None
    tries = [states.put(replace(state, version=number), etag) for number in range(8)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    (winner,) = [number for number, result in enumerate(done) if isinstance(result, str)]
    assert all(isinstance(result, str | StateConflict) for result in done)
    stored = await states.get(state.account_id)
    assert stored is not None
    assert (stored.state.version, stored.etag) == (winner, done[winner])


async def test_a_table_with_a_state_is_not_empty(states: SyncStates) -> None:
    assert await states.is_empty()
    await states.put(blank(), None)
    assert not await states.is_empty()


async def test_accounts_do_not_touch_each_other(states: SyncStates) -> None:
    one, other = blank(), blank()
    etag = await states.put(one, None)
    await states.put(other, None)
    await states.put(replace(one, version=1), etag)
    stored = await states.get(other.account_id)
    assert stored is not None
    assert stored.state == other


async def test_a_missing_table_is_a_wrong_set_up(azurite: str) -> None:
    async with TableServiceClient.from_connection_string(azurite) as service:
        nowhere = StateTable(service.get_table_client("nowhere"))
        with pytest.raises(ConfigurationFault, match="TableNotFound"):
            await nowhere.get(uuid4())
        for etag in (None, 'W/"x"'):
            with pytest.raises(ConfigurationFault, match="TableNotFound"):
                await nowhere.put(blank(), etag)


@pytest.mark.filterwarnings("ignore:Testing an element:DeprecationWarning")  # the SDK reading the answer
async def test_wrong_credentials_are_a_wrong_set_up(azurite: str) -> None:
    wrong = azurite.replace("AccountKey=Eby8", "AccountKey=Aby8")
    async with TableServiceClient.from_connection_string(wrong) as service:
        with pytest.raises(ConfigurationFault, match="403"):
            await StateTable(service.get_table_client("nowhere")).get(uuid4())


async def test_a_service_that_is_away_is_transient() -> None:
    endpoint = f"TableEndpoint=http://127.0.0.1:{free_port()}/a;"
    away = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;{endpoint}"
    async with TableServiceClient.from_connection_string(away, retry_total=0) as service:
        with pytest.raises(TransientFault):
            await StateTable(service.get_table_client("any")).get(UUID(int=1))


async def test_a_scan_finds_the_accounts_with_these_currencies(states: SyncStates) -> None:
    names = ["euro", "złoty's/1", None, *(f"c{number}" for number in range(20))]
    known = {name: replace(blank(), currency_key=name, read_at=MOMENT) for name in names}
    for state in known.values():
        await states.put(state, None)
    for keys in (["euro", "złoty's/1"], ["c3"], [f"c{number}" for number in range(15)], ["nowhere"]):
        page = await states.with_key(CURRENCIES, keys, "")
        expected = [
            ScannedAccount.of(state)._replace(keys=(name,))
            for name, state in known.items()
            if name and name in keys
        ]
        assert (sorted(page.rows), page.after) == (sorted(expected), "")


TERMS = value_table("payment-terms", fields=("PaymentTerms", "OtherTerms"))


def with_terms(*keys: str, other: str = "", **members: Any) -> SyncState:
    mapped = {"PaymentTerms": keys} | ({"OtherTerms": (other,)} if other else {})
    return replace(blank(), mapped_keys=mapped, **members)


async def test_a_scan_finds_the_accounts_with_these_values_of_any_field_of_the_table(
    states: SyncStates,
) -> None:
    by_label, by_other = with_terms("net 30", "1"), with_terms("cod", "9", other="net 30")
    elsewhere = replace(blank(), currency_key="net 30", mapped_keys={"DeliveryTerms": ("net 30",)})
    many = [with_terms(f"t{number}") for number in range(12)]
    for state in (by_label, by_other, elsewhere, *many):
        await states.put(state, None)
    for keys, found in (
        (["net 30"], [by_label, by_other]),
        (["1"], [by_label]),
        ([f"t{number}" for number in range(12)], many),
    ):
        page = await states.with_key(TERMS, keys, "")
        assert {row.account_id for row in page.rows} == {state.account_id for state in found}
        assert all({*row.keys} & {*keys} for row in page.rows)
    assert (await states.with_key(value_table("unused"), ["net 30"], "")).rows == []


async def test_accounts_are_counted_by_value_and_those_that_wait_for_a_row_among_them(
    states: SyncStates,
) -> None:
    for made in (
        with_terms("net 30", "1", phase=Phase.SYNCED),
        with_terms("net 30", "1", phase=Phase.PARKED, issue="UnmappedValue|payment-terms|net 30"),
        with_terms("net 30", phase=Phase.PARKED, issue="UnmappedValue|delivery-terms|exw"),
        with_terms("cod", other="cod", phase=Phase.PARKED, issue="UnmappedCurrency|yen"),
    ):
        await states.put(made, None)
    assert await states.usage(TERMS) == {"net 30": Usage(3, 1), "1": Usage(2, 1), "cod": Usage(1, 0)}
    assert await states.usage(value_table("unused")) == {}


async def test_a_scan_finds_the_accounts_that_have_an_issue_in_the_order_of_their_ids(
    states: SyncStates,
) -> None:
    known = [replace(blank(), issue=f"UnmappedCurrency|{number}") for number in range(20)]
    for state in [*known, blank()]:
        await states.put(state, None)
    page = await states.with_issue("")
    assert list(page.rows) == [
        ScannedAccount.of(state) for state in sorted(known, key=lambda s: s.account_id)
    ]
    assert page.after == ""


async def test_a_scan_is_continued_where_its_page_ended(new_table: NewTable) -> None:
    """The Table service ends a page after 1,000 rows."""
    raw = await new_table()
    states = [replace(blank(), currency_key="euro") for _ in range(1010)]
    await asyncio.gather(*(raw.create_entity(encode_state(state)) for state in states))
    first = await StateTable(raw).with_key(CURRENCIES, ["euro"], "")
    assert len(first.rows) == 1000
    second = await StateTable(raw).with_key(CURRENCIES, ["euro"], first.after)
    assert (len(second.rows), second.after) == (10, "")
    ids = [row.account_id for row in (*first.rows, *second.rows)]
    assert ids == sorted(state.account_id for state in states)


async def test_only_accounts_that_wait_are_read_each_with_its_moment(states: SyncStates) -> None:
    for one in (
        replace(blank(), phase=Phase.SYNCED),
        replace(
            blank(),
            phase=Phase.RETRYING,
            retrying_since=MOMENT,
            unknown_until=MOMENT + timedelta(hours=1),
        ),
        replace(blank(), phase=Phase.SYNCED, unknown_until=MOMENT + timedelta(minutes=1)),
    ):
        await states.put(one, None)
    page = await states.waiting("")
    assert sorted(page.rows) == [MOMENT, MOMENT + timedelta(minutes=1)]
    assert page.after == ""


async def test_a_scan_of_what_waits_goes_on_where_the_service_ended_a_page(new_table: NewTable) -> None:
    """The Table service answers at most 1,000 rows a request."""
    raw = await new_table()
    rows = [
        ("upsert", {"PartitionKey": "p", "RowKey": f"{number:04}", "RetryingSince": MOMENT.isoformat()})
        for number in range(1100)
    ]
    for start in range(0, len(rows), 100):
        await raw.submit_transaction(rows[start : start + 100])
    first = await StateTable(raw).waiting("")
    assert first.after
    second = await StateTable(raw).waiting(first.after)
    assert (len(first.rows), len(second.rows), second.after) == (1000, 100, "")


async def test_accounts_are_counted_by_currency_and_those_that_wait_for_a_mapping_among_them(
    states: SyncStates,
) -> None:
    for made in (
        replace(blank(), currency_key="euro", phase=Phase.SYNCED),
        replace(blank(), currency_key="euro", phase=Phase.PARKED, issue="MissingValue|name"),
        replace(blank(), currency_key="yen", phase=Phase.PARKED, issue="UnmappedCurrency|yen"),
        replace(blank(), currency_key="yen", phase=Phase.PARKED, issue="UnknownErpCurrency|JPX"),
        replace(blank(), currency_key="yen", phase=Phase.PARKED, issue="BadMapping|yen"),
        replace(blank(), phase=Phase.FILTERED),
    ):
        await states.put(made, None)
    assert await states.usage(CURRENCIES) == {"euro": Usage(2, 0), "yen": Usage(3, 3)}
