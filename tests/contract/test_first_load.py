"""What a first load reads: pages of accounts, results in AccountSync, the changes that wait."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from local.child import Child
from local.dynamics.dataverse.store import Origin
from shared.dataverse.account_pages import DataverseAccountPages
from shared.environment import load_settings
from shared.messaging.waiting import AdministeredChanges, LocalChanges
from shared.model.faults import (
    ConditionRefused,
    ConfigurationFault,
    QueueUnavailable,
    StateConflict,
    System,
    TransientFault,
)
from shared.model.load import Checked, Selection
from shared.model.page import RunKind
from shared.model.related import Reference
from shared.model.state import Lease, LogEntry, Phase, SyncState
from shared.ports import SyncStates
from shared.ports.load import AccountPages, CheckedAccounts
from shared.ports.pages import Runs
from shared.storage.checked import CheckedTable
from shared.storage.runs import RunTable
from shared.storage.states import StateTable
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import ROOT, NewTable, Simulated, start_broker
from tests.contract.test_inquiry import EXAMPLE, PlainHttp
from tests.fakes.clock import START, FakeClock
from tests.fakes.dynamics import FakeSales
from tests.fakes.runs import FakeAccountPages, FakeChecked, FakeRuns
from tests.fakes.tables import FakeStates

ALL = Selection()
LINE = LogEntry(START.isoformat(), "created", "", "backfill", "look", str(uuid4()), 0)


# --- accounts in Sales


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts, how to make so many (gives their ids), and how to let one refer to a row."""

    pages: AccountPages
    make: Callable[[int], Awaitable[set[UUID]]]
    refer: Callable[[UUID, str, UUID], Awaitable[None]]


@pytest.fixture(params=["fake", "simulator"])
def accounts(request: pytest.FixtureRequest, simulated: Simulated) -> Accounts:
    if request.param == "fake":
        sales = FakeSales(FakeClock())

        async def save(number: int) -> set[UUID]:
            for _ in range(number):
                sales.save(uuid4(), "Euro")
            return set(sales.rows)

        async def point(account_id: UUID, column: str, row_id: UUID) -> None:
            sales.save(account_id, **{column: row_id})

        return Accounts(FakeAccountPages(sales, sales.clock), save, point)
    simulated.start_anew()

    async def seed(number: int) -> set[UUID]:
        simulated.state(
            accounts=[{"name": f"N{place}", "accountnumber": f"{place}"} for place in range(number)]
        )
        rows = simulated.simulator.store.rows("account")
        return {UUID(row.id) for row in rows.values()}

    async def refer(account_id: UUID, column: str, row_id: UUID) -> None:
        store = simulated.simulator.store
        with store.transaction():
            row = store.rows("account")[str(account_id)]
            store.update(store.tables["account"], row, {column: str(row_id)}, Origin())

    return Accounts(DataverseAccountPages(simulated.client(System.DATAVERSE)), seed, refer)


async def _walk(pages: AccountPages, most: int, selection: Selection = ALL) -> list[Sequence[UUID]]:
    found: list[Sequence[UUID]] = []
    page = await pages.page(selection, "", most)
    while page.ids:
        found.append(page.ids)
        page = await pages.page(selection, page.after, most)
    return found


@pytest.mark.parametrize(("number", "most"), [(0, 5), (1, 5), (5, 5), (23, 5), (23, 100)])
async def test_a_walk_meets_every_account_once(accounts: Accounts, number: int, most: int) -> None:
    made = await accounts.make(number)
    pages = await _walk(accounts.pages, most)
    assert sorted(id_ for page in pages for id_ in page) == sorted(made)
    assert all(len(page) == most for page in pages[:-1])


async def test_a_condition_that_is_refused_is_said_in_the_words_of_sales(accounts: Accounts) -> None:
    with pytest.raises(ConditionRefused, match="refused") as refused:
        await accounts.pages.page(Selection("refused" if _is_fake(accounts) else "refused eq 1"), "", 1)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("columns", [("primarycontactid",), ("primarycontactid", "parentaccountid")])
async def test_a_walk_meets_the_accounts_that_refer_to_a_row(
    accounts: Accounts, columns: tuple[str, ...]
) -> None:
    row_id, number = uuid4(), 7
    made = await accounts.make(20)
    wanted = sorted(made)[:number]
    for place, account_id in enumerate(wanted):
        await accounts.refer(account_id, columns[place % len(columns)], row_id)
    chosen = Selection(refers_to=Reference(columns, row_id))
    pages = await _walk(accounts.pages, 3, chosen)
    assert sorted(id_ for page in pages for id_ in page) == wanted
    assert await _walk(accounts.pages, 3, Selection(refers_to=Reference(columns, uuid4()))) == []


async def test_a_column_that_is_no_look_up_is_a_wrong_set_up(simulated: Simulated) -> None:
    simulated.start_anew()
    pages = DataverseAccountPages(simulated.client(System.DATAVERSE))
    with pytest.raises(ConfigurationFault, match="look-ups"):
        await pages.page(Selection(refers_to=Reference(("nonsense",), uuid4())), "", 5)


def _is_fake(accounts: Accounts) -> bool:
    return isinstance(accounts.pages, FakeAccountPages)


@pytest.fixture
def pages(simulated: Simulated) -> DataverseAccountPages:
    simulated.start_anew()
    return DataverseAccountPages(simulated.client(System.DATAVERSE))


async def test_a_condition_chooses_the_accounts_on_each_page(
    simulated: Simulated, pages: DataverseAccountPages
) -> None:
    simulated.state(accounts=[{"name": name, "accountnumber": f"{n}"} for n, name in enumerate("ABAB" * 3)])
    chosen = Selection("name eq 'A' or name eq 'no & such'", date(2020, 1, 1))
    assert sum(len(page) for page in await _walk(pages, 2, chosen)) == 6
    assert await _walk(pages, 2, Selection(changed_since=date(2999, 1, 1))) == []


async def test_sales_time_and_organization_come_from_sales(
    simulated: Simulated, pages: DataverseAccountPages
) -> None:
    found = await pages.page(ALL, "", 1)
    assert abs(found.read_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert await pages.organization() == await pages.organization()


@pytest.mark.parametrize(
    ("status", "fault"), [(403, ConfigurationFault), (404, ConfigurationFault), (500, TransientFault)]
)
async def test_what_sales_refuses_for_other_reasons_is_no_fault_of_the_condition(
    simulated: Simulated, pages: DataverseAccountPages, status: int, fault: type[Exception]
) -> None:
    simulated.fault(System.DATAVERSE, "status", status=status)
    with pytest.raises(fault):
        await pages.page(Selection("name eq 'A'"), "", 1)


async def test_pages_that_do_not_go_on_are_a_fault() -> None:
    known = uuid4()

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"value": [{"accountid": str(known), "versionnumber": 7}]})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://sales.invalid")
    pages = DataverseAccountPages(ODataClient(System.DATAVERSE, http, FixedToken("t"), FakeClock()))
    assert (await pages.page(ALL, "", 1)).ids == [known]
    with pytest.raises(TransientFault, match="do not go on"):
        await pages.page(ALL, "7", 1)


# --- what AccountSync says


@dataclass(frozen=True, slots=True)
class Table:
    """The same table, as the pipeline writes it and as the load reads it."""

    states: SyncStates
    checked: CheckedAccounts


@pytest.fixture(params=["fake", "azurite"])
async def table(request: pytest.FixtureRequest, new_table: NewTable) -> Table:
    if request.param == "fake":
        states = FakeStates()
        states.page_size = 5
        return Table(states, FakeChecked(states))
    made = await new_table()
    return Table(StateTable(made), CheckedTable(made))


def _state(**members: Any) -> SyncState:
    return SyncState(account_id=uuid4(), organization_id=UUID(int=1), **members)


async def test_every_account_is_read_with_its_state_and_log(table: Table) -> None:
    states = [_state(phase=Phase.SYNCED, log=(LINE,)) for _ in range(11)]
    states += [_state(phase=Phase.PARKED, issue="BadValue|x", lease=Lease(uuid4(), START)), _state()]
    for state in states:
        await table.states.put(state, None)
    found: list[Checked] = []
    after = ""
    while True:
        page = await table.checked.page(after)
        found += page.rows
        if not (after := page.after):
            break
    wanted = [
        Checked(one.account_id, one.phase, one.issue or "", one.lease is not None, one.log) for one in states
    ]
    assert sorted(found) == sorted(wanted)


async def test_accounts_are_looked_up_many_at_a_time(table: Table) -> None:
    states = [_state(phase=Phase.FILTERED, log=(LINE,)) for _ in range(25)]
    for state in states:
        await table.states.put(state, None)
    wanted = [state.account_id for state in states[3:]]
    found = await table.checked.of([*wanted, uuid4()])
    assert {row.account_id for row in found} == set(wanted)
    assert await table.checked.of([]) == []


# --- the run's row


@pytest.fixture(params=["fake", "azurite"])
async def runs(request: pytest.FixtureRequest, new_table: NewTable) -> Runs:
    return FakeRuns() if request.param == "fake" else RunTable(await new_table())


async def test_of_two_who_change_a_run_the_second_is_refused(runs: Runs) -> None:
    assert await runs.read(RunKind.LOAD) is None
    etag = await runs.write(RunKind.LOAD, "ä" * 10_000, None)
    with pytest.raises(StateConflict):
        await runs.write(RunKind.LOAD, "2", None)
    second = await runs.write(RunKind.LOAD, "3", etag)
    with pytest.raises(StateConflict):
        await runs.write(RunKind.LOAD, "4", etag)
    assert await runs.read(RunKind.LOAD) == ("3", second)
    assert await runs.read(RunKind.RECONCILE) is None


# --- the changes that wait


async def test_active_locked_and_scheduled_changes_are_counted_in_both_ways(tmp_path: Any) -> None:
    broker = await start_broker(ROOT / "local/servicebus/Config.json", tmp_path / "log")
    control, text = broker.ready["control"], broker.ready["connection_string"]
    settings, _ = load_settings({**EXAMPLE, "ServiceBus": _bus_at(control)})
    local, remote = LocalChanges(control), AdministeredChanges(settings, transport=PlainHttp())
    try:
        assert await local.count() == await remote.count() == 0
        async with ServiceBusClient.from_connection_string(text) as client:
            async with client.get_queue_sender("account-changes") as sender:
                for name in ("1", "2"):
                    await sender.send_messages(ServiceBusMessage(name, session_id="p00", message_id=name))
                later = ServiceBusMessage("3", session_id="p01", message_id="3")
                await sender.schedule_messages(later, datetime.now(UTC) + timedelta(hours=1))
            async with client.get_queue_receiver("account-changes", session_id="p00") as receiver:
                await receiver.receive_messages(1)
                assert await local.count() == await remote.count() == 3
    finally:
        await local.close()
        await remote.close()
        await broker.stop()


def _bus_at(control: str) -> str:
    host = control.removeprefix("http://")
    return f"Endpoint=sb://{host};SharedAccessKeyName=a;SharedAccessKey=b"


async def test_counts_that_cannot_be_had_are_a_fault(tmp_path: Any) -> None:
    broker: Child = await start_broker(ROOT / "local/servicebus/Config.json", tmp_path / "log")
    control = broker.ready["control"]
    await broker.stop()
    local = LocalChanges(control)
    with pytest.raises(QueueUnavailable):
        await local.count()
    await local.close()
    settings, _ = load_settings({**EXAMPLE, "ServiceBus": _bus_at("http://127.0.0.1:9")})
    remote = AdministeredChanges(settings, transport=PlainHttp(), retry_total=0)
    with pytest.raises(QueueUnavailable):
        await remote.count()
    await remote.close()
