"""The doctor over the real adapters: Azurite, the broker and the simulators, to which it writes nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from azure.data.tables.aio import TableClient, TableServiceClient
from pydantic import SecretStr

from local.child import Child
from local.dynamics.dataverse.service import Dataverse
from local.dynamics.metadata import FieldFault
from local.erps.by_target import ERPS
from local.erps.erp import Erp
from shared.clock import SystemClock
from shared.dataverse.endpoints import Kind, endpoint_of
from shared.dataverse.organization import DataverseOrganization
from shared.dataverse.registration import Registration
from shared.dataverse.registry import DataverseRegistry
from shared.diagnostics.doctor.doctor import Doctor
from shared.diagnostics.doctor.written import WrittenCheck
from shared.environment import load_settings
from shared.messaging.access import TriedQueues
from shared.messaging.depths import LocalQueues
from shared.messaging.properties import AdministeredProperties, LocalProperties
from shared.messaging.queues import service_bus
from shared.model.customer import CustomerKey
from shared.model.diagnosis import Diagnosis
from shared.model.faults import ConfigurationFault, NotPermitted, QueueUnavailable, StateConflict, System
from shared.model.finding import Finding, Grade
from shared.model.observed import QueueProperties
from shared.model.state import Page, Phase, SyncState
from shared.ports.doctor import Diagnoses
from shared.storage.access import TriedTables
from shared.storage.diagnoses import DiagnosisTable
from shared.storage.states import StateTable
from shared.storage.tables import CONTROL, TABLES
from shared.storage.written import WrittenTable
from shared.web.times import time_of
from shared.wiring import Application
from shared.wiring.doctor import checks_of_app
from tests.contract.conftest import ROOT, TOKEN, NewTable, NewTables, Simulated, start_broker
from tests.contract.test_inquiry import PlainHttp
from tests.fakes.doctor import FakeDiagnoses, FakeQueueSettings
from tests.unit.test_settings import EXAMPLE

CONTACTS = ROOT / "tests/flow/contacts.toml"
LABELS = ROOT / "tests/flow/mapping_tables.toml"
NOW = datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)
FOUND = Diagnosis(NOW, "1", "me", (Finding("a", Grade.ERROR, "It is ü.", "why", "remedy"),))


# --- the row that keeps the result


@pytest.fixture(params=["fake", "azurite"])
async def diagnoses(request: pytest.FixtureRequest, new_table: NewTable) -> Diagnoses:
    return FakeDiagnoses() if request.param == "fake" else DiagnosisTable(await new_table())


async def test_before_the_first_check_there_is_nothing(diagnoses: Diagnoses) -> None:
    assert (await diagnoses.standing()).etag is None
    assert await diagnoses.newest() is None


async def test_a_diagnosis_is_kept_and_ends_the_lease(diagnoses: Diagnoses) -> None:
    until = NOW + timedelta(minutes=3)
    await diagnoses.lease(until, await diagnoses.standing())
    assert (await diagnoses.standing()).leased_until == until
    await diagnoses.ask("r1")
    await diagnoses.keep(FOUND, "r0")
    standing = await diagnoses.standing()
    assert standing[:5] == (NOW, "1", "r1", "r0", None)
    assert await diagnoses.newest() == FOUND
    await diagnoses.lease(until, standing)
    assert await diagnoses.newest() == FOUND, "a lease takes nothing away"


async def test_of_two_who_want_the_lease_the_second_is_refused(diagnoses: Diagnoses) -> None:
    for _ in ("no row yet", "a row"):
        standing = await diagnoses.standing()
        await diagnoses.lease(NOW, standing)
        with pytest.raises(StateConflict):
            await diagnoses.lease(NOW, standing)


async def test_a_row_of_a_person_who_asked_first_is_no_diagnosis(diagnoses: Diagnoses) -> None:
    await diagnoses.ask("r1")
    assert await diagnoses.newest() is None
    assert (await diagnoses.standing()).request == "r1"


# --- what the doctor reads


@pytest.fixture
async def own_broker(tmp_path: Any) -> AsyncIterator[Child]:
    child = await start_broker(ROOT / "local/servicebus/Config.json", tmp_path / "log")
    yield child
    await child.stop()


@pytest.mark.parametrize("by", ["administration", "control"])
async def test_every_way_tells_the_same_properties(own_broker: Child, by: str) -> None:
    control = own_broker.ready["control"]
    text = f"Endpoint=sb://{control.removeprefix('http://')};SharedAccessKeyName=a;SharedAccessKey=b"
    settings, _ = load_settings({**EXAMPLE, "ServiceBus": text})

    async def read(queue: str) -> QueueProperties | None:
        if by == "control":
            return await LocalProperties(control).read(queue)
        return await AdministeredProperties(settings, transport=PlainHttp()).read(queue)

    for queue in ("dataverse-events", "account-changes", "rejected-events"):
        found, wanted = await read(queue), await FakeQueueSettings().read(queue)
        assert found is not None
        assert wanted is not None
        if not found.requires_duplicate_detection:  # then the window means nothing
            found = replace(found, duplicate_window=wanted.duplicate_window)
        assert found == wanted
    assert await read("nowhere") is None


async def test_links_are_opened_without_a_message_and_a_missing_queue_is_found(own_broker: Child) -> None:
    settings, _ = load_settings({**EXAMPLE, "ServiceBus": own_broker.ready["connection_string"]})
    async with service_bus(settings) as client:
        tried = TriedQueues(client)
        await tried.send("account-changes")
        await tried.receive("dataverse-events")
        for attempt in (tried.send, tried.receive):
            with pytest.raises(ConfigurationFault, match="no such queue"):
                await attempt("nowhere")
    for depth in await LocalQueues(own_broker.ready["control"]).depths():
        assert (depth.active, depth.scheduled, depth.dead_letters) == (0, 0, 0)


async def test_a_broker_that_does_not_answer_is_away() -> None:
    with pytest.raises(QueueUnavailable):
        await LocalProperties("http://127.0.0.1:1").read("account-changes")


async def test_the_organization_tells_who_asks_and_what_is_switched_on(simulated: Simulated) -> None:
    sales = DataverseOrganization(simulated.client(System.DATAVERSE))
    who = await sales.who()
    assert who.organization_id == UUID(EXAMPLE["DATAVERSE_ORGANIZATION_ID"])
    assert who.user_id.int
    assert await sales.tracks_changes() is True
    assert await sales.updatable("accountnumber") is True
    assert await sales.updatable("accountid") is False
    assert await sales.updatable("no_such_column") is None


async def test_a_missing_right_is_told_from_a_wrong_set_up(simulated: Simulated) -> None:
    simulated.start_anew()
    simulated.fault(System.DATAVERSE, "status", status=403, path="EntityDefinitions")
    sales = DataverseOrganization(simulated.client(System.DATAVERSE))
    with pytest.raises(NotPermitted):
        await sales.tracks_changes()
    simulated.start_anew()
    with pytest.raises(ConfigurationFault) as raised:
        await DataverseOrganization(simulated.client(System.DATAVERSE, "wrong")).who()
    assert not isinstance(raised.value, NotPermitted)


@pytest.mark.parametrize("system", [System.DATAVERSE, System.OPERATIONS, System.BUSINESS_CENTRAL, System.NAV])
async def test_each_system_tells_its_time_without_a_token(simulated: Simulated, system: System) -> None:
    found = await time_of(simulated.client(system, "no token"))
    assert found is not None
    assert abs((datetime.now(UTC) - found).total_seconds()) < 5


# --- the whole


@pytest.fixture
async def tables(azurite: str) -> str:
    """The connection string of the app's tables, which are there."""
    async with TableServiceClient.from_connection_string(azurite) as service:
        for name in TABLES:
            await service.create_table_if_not_exists(name)
    return azurite


@pytest.fixture
async def app(tables: str, own_broker: Child, simulated: Simulated) -> AsyncIterator[Application]:
    """The app with settings that are right, and its tables."""
    simulated.start_anew()
    async with opened(tables, own_broker, simulated) as found:
        yield found
        await registration_of(found).remove(endpoint_of(found.settings)[0])


@asynccontextmanager
async def opened(
    azurite: str, broker: Child, simulated: Simulated, **changes: str
) -> AsyncIterator[Application]:
    """The application over the real parts, with these changes of the settings."""
    places = {
        "ServiceBus": broker.ready["connection_string"],
        "SERVICEBUS_CONTROL": broker.ready["control"],
        "TABLES_CONNECTION": azurite,
        "DATAVERSE_URL": str(simulated.clients[System.DATAVERSE].base_url),
        "OPERATIONS_URL": str(simulated.clients[System.OPERATIONS].base_url),
        "LOCAL_TOKEN": TOKEN,
        "MAX_CREATES_PER_HOUR": "100",
        "MAX_BLOCKS_PER_HOUR": "100",
    }
    app = Application(*load_settings(EXAMPLE | places | changes))
    try:
        yield app
    finally:
        await app.clients.close()


SET_UP = {"field map", "currency mapping", "set-up of the ERP"}  # test_set_up.py tries these


async def examined(app: Application) -> list[Finding]:
    checks = [check for check in checks_of_app(app) if check.name not in SET_UP]
    return [one for one in await Doctor(checks).examine() if one.grade is not Grade.FINE]


def registration_of(app: Application) -> Registration:
    field_map = app.field_map
    registry = DataverseRegistry(app.clients.dataverse)
    return Registration(registry, field_map.watched, field_map.related_rows.columns)


async def register(app: Application) -> None:
    registration = registration_of(app)
    plan = await registration.plan(endpoint_of(app.settings)[0])
    await registration.apply(plan, SecretStr("c29tZSBrZXk="))


@pytest.mark.parametrize("erp", ERPS.values(), ids=ERPS)
async def test_where_all_is_right_the_app_finds_nothing(
    app: Application, azurite: str, own_broker: Child, simulated: Simulated, erp: Erp
) -> None:
    url = str(simulated.clients[System(erp.target)].base_url)
    async with opened(azurite, own_broker, simulated, **erp.settings(url, TOKEN)) as found:
        await register(found)
        assert await examined(found) == []
        of_set_up = [check for check in checks_of_app(found) if check.name in SET_UP]
        assert len(of_set_up) == len(SET_UP)
        grades = {one.grade for one in await Doctor(of_set_up).examine()}
    assert grades == {Grade.FINE, Grade.NOT_CHECKED}, "what an ERP does not tell is to be looked at by hand"


async def test_nothing_is_written_to_sales_or_the_erp_and_one_row_comes_and_goes(
    app: Application, simulated: Simulated
) -> None:
    before = [row async for row in app.clients.tables.get_table_client(CONTROL).list_entities()]
    simulated.simulator.log.clear()
    await Doctor(checks_of_app(app)).examine()
    asked = {(entry.system, entry.method) for entry in simulated.simulator.log.entries}
    assert {system for system, _ in asked} == {"dataverse", "operations"}
    assert {method for _, method in asked} <= {"GET", "HEAD"}
    assert [row async for row in app.clients.tables.get_table_client(CONTROL).list_entities()] == before


async def test_a_step_that_was_disabled_in_sales_is_found(app: Application) -> None:
    await register(app)
    registry = DataverseRegistry(app.clients.dataverse)
    (endpoint,) = await registry.endpoints("Account Sync (queue)")
    step = next(one for one in await registry.steps(endpoint.id) if " Update of " in one.name)
    await registry.update(Kind.STEP, step.id, {"statecode": 1, "statuscode": 2})
    (found,) = await examined(app)
    assert (found.check, found.grade) == (step.name, Grade.ERROR)


@asynccontextmanager
async def following_contacts(tables: str, broker: Child, simulated: Simulated) -> AsyncIterator[Application]:
    """The app with a field map that reads and follows contacts, owners and currencies."""
    simulated.start_anew()
    async with opened(tables, broker, simulated, FIELD_MAP=str(CONTACTS)) as found:
        await register(found)
        try:
            yield found
        finally:
            simulated.start_anew()
            await registration_of(found).remove(endpoint_of(found.settings)[0])


async def test_a_missing_privilege_of_a_related_table_is_found(
    tables: str, own_broker: Child, simulated: Simulated
) -> None:
    async with following_contacts(tables, own_broker, simulated) as app:
        assert await examined(app) == []
        simulated.simulator.dataverse.unreadable = {"contact"}
        (found,) = await examined(app)
    assert (found.check, found.grade) == ("reading primarycontactid in Sales", Grade.ERROR)
    assert "role that may read the table that primarycontactid refers to" in found.remedy


@pytest.mark.parametrize(
    ("plant", "grade", "remedy"),
    [
        (lambda _: None, Grade.FINE, ""),
        (lambda sales: sales.unreadable.add("organization"), Grade.ERROR, "Set LABEL_LANGUAGE"),
        (
            lambda sales: sales.definitions.planted.update(paymenttermscode=FieldFault(missing=True)),
            Grade.ERROR,
            "is a column of choices",
        ),
    ],
)
async def test_labels_that_cannot_be_read_are_an_error_because_accounts_wait_for_them(
    tables: str,
    own_broker: Child,
    simulated: Simulated,
    plant: Callable[[Dataverse], None],
    grade: Grade,
    remedy: str,
) -> None:
    simulated.start_anew()
    plant(simulated.simulator.dataverse)
    async with opened(tables, own_broker, simulated, FIELD_MAP=str(LABELS)) as app:
        (labels,) = [check for check in checks_of_app(app) if check.name == "labels in Sales"]
        found = {one.check: one for one in await labels.check()}
    simulated.start_anew()
    assert found.keys() == {f"labels of {column} in Sales" for column in ("paymenttermscode", "industrycode")}
    one = found["labels of paymenttermscode in Sales"]
    assert (one.grade, remedy in one.remedy) == (grade, True)


async def test_a_missing_step_and_a_missing_column_of_a_related_table_are_found(
    tables: str, own_broker: Child, simulated: Simulated
) -> None:
    async with following_contacts(tables, own_broker, simulated) as app:
        registry = DataverseRegistry(app.clients.dataverse)
        (endpoint,) = await registry.endpoints("Account Sync (queue)")
        steps = {step.name: step.id for step in await registry.steps(endpoint.id)}
        await registry.delete(Kind.STEP, steps["Account Sync: Update of contact (queue)"])
        users = {"filteringattributes": "domainname"}
        await registry.update(Kind.STEP, steps["Account Sync: Update of systemuser (queue)"], users)
        texts = {one.what for one in await examined(app)}
    assert texts == {
        "The step Account Sync: Update of contact (queue) is missing.",
        "Changes of fullname are not posted.",
    }


async def test_a_step_that_the_field_map_does_not_need_any_more_is_found(
    tables: str, own_broker: Child, simulated: Simulated
) -> None:
    async with (
        following_contacts(tables, own_broker, simulated),
        opened(tables, own_broker, simulated) as without,
    ):
        found = [one for one in await examined(without) if "not needed" in one.what]
    assert len(found) == 3
    assert {one.grade for one in found} == {Grade.WARNING}


# --- under which field map accounts were checked


@pytest.fixture(params=["azurite", "memory"])
async def states(request: pytest.FixtureRequest, new_tables: NewTables) -> TableClient:
    return await new_tables[request.param]()


def in_step(field_map: str, **members: Any) -> SyncState:
    state = SyncState(
        account_id=uuid4(),
        organization_id=uuid4(),
        phase=Phase.SYNCED,
        customer=CustomerKey("usmf", "1"),
        field_map=field_map,
    )
    return replace(state, **members)


async def test_accounts_under_an_older_field_map_are_counted(states: TableClient) -> None:
    table = StateTable(states)
    for state in (
        *(in_step("now") for _ in range(3)),
        *(in_step("before") for _ in range(2)),
        in_step(""),
        in_step("before", phase=Phase.PARKED),
        in_step("before", customer=None),
    ):
        await table.put(state, None)
    (found,) = await WrittenCheck(WrittenTable(states), "now").check()
    assert found.grade is Grade.WARNING
    assert found.what.startswith(
        "3 of 6 accounts were last checked under an older field map, or by a release"
    )
    assert "load start" in found.remedy


async def test_where_all_accounts_are_under_the_field_map_in_use_nothing_is_reported(
    states: TableClient,
) -> None:
    for _ in range(3):
        await StateTable(states).put(in_step("now"), None)
    (found,) = await WrittenCheck(WrittenTable(states), "now").check()
    assert (found.grade, found.what) == (Grade.FINE, "There are none.")


async def test_a_count_that_takes_too_long_says_how_far_it_came(states: TableClient) -> None:
    class Endless:
        async def page(self, after: str) -> Page[str]:
            await asyncio.sleep(0)
            return Page(["now"], "more")

    (found,) = await WrittenCheck(Endless(), "now", longest=0.02).check()
    assert found.grade is Grade.NOT_CHECKED
    assert "that could be read in time" in found.what


async def test_a_table_that_is_missing_is_found(azurite: str) -> None:
    async with TableServiceClient.from_connection_string(azurite) as service:
        tables = TriedTables(service, ["NoSuchTable"])
        with pytest.raises(ConfigurationFault, match="TableNotFound"):
            await tables.read("NoSuchTable")


async def test_a_token_that_sales_refuses_is_told_once(
    tables: str, own_broker: Child, simulated: Simulated
) -> None:
    async with opened(tables, own_broker, simulated, LOCAL_TOKEN="wrong") as app:
        found = {one.what: one for one in await examined(app)}
    refused = [what for what in found if "refuses the app's token (401)" in what]
    assert sorted(what.partition(":")[0] for what in refused) == ["dataverse", "operations"]
    assert len(found) == 2


async def test_systems_that_are_away_are_not_checked(
    tables: str, own_broker: Child, simulated: Simulated
) -> None:
    nowhere = {"DATAVERSE_URL": "http://127.0.0.1:1", "OPERATIONS_URL": "http://127.0.0.1:1"}
    async with opened(tables, own_broker, simulated, **nowhere) as app:
        app.target_in_use.mine = await app.target_in_use.known()
        found = await examined(app)
    assert {one.grade for one in found} == {Grade.NOT_CHECKED}


async def test_another_erp_than_the_one_in_use_is_found(
    app: Application, azurite: str, own_broker: Child, simulated: Simulated
) -> None:
    await app.target_in_use.confirm()
    table = app.clients.tables.get_table_client(CONTROL)
    try:
        async with opened(azurite, own_broker, simulated, OPERATIONS_COMPANY="demf") as other:
            await register(other)
            (found,) = await examined(other)
    finally:
        await table.delete_entity("target", "in-use")
    assert (found.check, found.grade) == ("ERP in use", Grade.ERROR)
    assert "accountsync adopt-target" in found.remedy


async def test_a_clock_that_is_wrong_is_found_by_every_system(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(app)
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(minutes=5))
    found = await examined(app)
    assert {one.check for one in found} == {
        f"clock of {name}" for name in ("dataverse", "operations", "tables")
    }
    assert {one.grade for one in found} == {Grade.ERROR}
