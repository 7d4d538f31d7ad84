"""Registration against the Dataverse simulator: what is registered delivers, and the tool says so."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx
import pytest
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from local.child import Child
from local.dynamics.simulator import Options, Simulator
from shared.cli.app import app
from shared.dataverse.endpoints import Endpoint, Kind, queue_endpoint, webhook_endpoint
from shared.dataverse.registration import Registration
from shared.dataverse.registry import DataverseRegistry
from shared.field_maps import load_field_map
from shared.intake.dataverse_context import read_event
from shared.intake.filter import Filter
from shared.messaging.queues import DATAVERSE_EVENTS
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import ROOT, TOKEN, start_broker
from tests.contract.dynamics.simulator_stand import WebhookReceiver, wait_until
from tests.fakes.clock import FakeClock
from tests.fakes.registry import FakeRegistry

WATCHED = load_field_map("operations").watched
QUEUE = queue_endpoint("contoso.servicebus.windows.net", "dataverse-events", "dataverse-send")
KEY = SecretStr("c29tZSBrZXkgb2YgdGhlIHJ1bGU=")
NONE: Mapping[str, frozenset[str]] = {}
RELATED = {
    "contact": frozenset({"emailaddress1"}),
    "systemuser": frozenset({"fullname"}),
    "transactioncurrency": frozenset({"currencyname"}),
}


class Sales(NamedTuple):
    """A running simulator, and a client for its Web API."""

    simulator: Simulator
    http: httpx.AsyncClient
    address: str

    def registry(self, token: str = TOKEN) -> DataverseRegistry:
        clock = FakeClock(datetime.now(UTC))
        return DataverseRegistry(ODataClient(System.DATAVERSE, self.http, FixedToken(token), clock))

    def registration(
        self, watched: frozenset[str] = WATCHED, related: Mapping[str, frozenset[str]] = NONE
    ) -> Registration:
        registry = self.registry()
        return Registration(registry, watched, related)

    async def save(self, path: str, method: str = "POST", **columns: object) -> str:
        headers = {"Authorization": f"Bearer {TOKEN}", "Prefer": "return=representation"}
        answer = await self.http.request(
            method, f"/api/data/v9.2/{path}", json=columns or None, headers=headers
        )
        assert answer.is_success, answer.text
        return answer.json()["accountid"] if answer.content else ""


@pytest.fixture
async def sales() -> AsyncIterator[Sales]:
    simulator = Simulator(Options(token=TOKEN))
    addresses = await simulator.start()
    trust = ssl.create_default_context()
    async with httpx.AsyncClient(base_url=addresses["dataverse"], verify=trust, timeout=10) as http:
        yield Sales(simulator, http, addresses["dataverse"])
    await simulator.stop()


@pytest.fixture(scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Child]:
    log = tmp_path_factory.mktemp("registration") / "broker.log"
    child = await start_broker(ROOT / "local/servicebus/Config.json", log)
    yield child
    await child.stop()


@pytest.fixture(params=["fake", "simulator"])
def registration(request: pytest.FixtureRequest, sales: Sales) -> Registration:
    if request.param == "simulator":
        return sales.registration()
    return Registration(FakeRegistry(), WATCHED)


def queue_endpoint_of(connection_string: str) -> Endpoint:
    """The endpoint that the tool makes of a stand's connection string."""
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
    return queue_endpoint(parts["Endpoint"], DATAVERSE_EVENTS, parts["SharedAccessKeyName"])


async def register(registration: Registration, endpoint: Endpoint, secret: SecretStr | None = KEY) -> None:
    await registration.apply(await registration.plan(endpoint), secret)


@pytest.mark.parametrize(
    "endpoint",
    [QUEUE, webhook_endpoint("https://app.example.net/api/dataverse/events")],
    ids=["queue", "webhook"],
)
async def test_registering_settles_and_again_changes_nothing(
    registration: Registration, endpoint: Endpoint
) -> None:
    before = await registration.plan(endpoint)
    assert {item.action for item in before.items} == {"create"}
    await registration.apply(before, KEY)
    after = await registration.plan(endpoint)
    assert after.settled, [item.differences for item in after.items]
    ids = [item.id for item in after.items]
    await registration.apply(after, None)
    assert [item.id for item in (await registration.plan(endpoint)).items] == ids


async def test_what_somebody_changed_is_told_and_corrected_in_place(registration: Registration) -> None:
    await register(registration, QUEUE)
    plan = await registration.plan(QUEUE)
    endpoint, _, update, delete = plan.items
    assert endpoint.id is not None
    assert update.id is not None
    assert delete.id is not None
    await registration.registry.update(Kind.ENDPOINT, endpoint.id, {"path": "elsewhere", "userclaim": 1})
    await registration.registry.update(Kind.STEP, update.id, {"filteringattributes": "name", "rank": 7})
    await registration.registry.update(Kind.STEP, delete.id, {"statecode": 1, "statuscode": 2})
    changed = await registration.plan(QUEUE)
    assert [{one.column for one in item.differences} for item in changed.items] == [
        {"path", "userclaim"},
        set(),
        {"filteringattributes", "rank"},
        {"statecode", "statuscode"},
    ]
    await registration.apply(changed, None)
    after = await registration.plan(QUEUE)
    assert after.settled
    assert [item.id for item in after.items] == [item.id for item in plan.items]


async def test_removing_leaves_nothing_and_can_be_repeated(registration: Registration) -> None:
    await register(registration, QUEUE)
    assert len(await registration.remove(QUEUE)) == 4
    assert await registration.remove(QUEUE) == ()
    assert {item.action for item in (await registration.plan(QUEUE)).items} == {"create"}


async def test_the_key_cannot_be_read_back(sales: Sales) -> None:
    await register(sales.registration(), QUEUE)
    (endpoint,) = await sales.registry().endpoints(QUEUE.name)
    assert KEY.get_secret_value() not in repr(endpoint)
    assert endpoint.columns["issaskeyset"] is True


async def test_registered_steps_deliver_to_the_queue_what_matters(sales: Sales, bus: Child) -> None:
    parts = dict(part.partition("=")[::2] for part in bus.ready["connection_string"].split(";") if part)
    endpoint = queue_endpoint(parts["Endpoint"], DATAVERSE_EVENTS, parts["SharedAccessKeyName"])
    await register(sales.registration(), endpoint, SecretStr(parts["SharedAccessKey"]))
    account = await sales.save("accounts", name="Adatum", accountnumber="A-1")
    await sales.save(f"accounts({account})", "PATCH", fax="nobody watches this")
    await sales.save(f"accounts({account})", "PATCH", name="Adatum Ltd")
    await sales.save(f"accounts({account})", "DELETE")
    async with ServiceBusClient.from_connection_string(bus.ready["connection_string"]) as client:
        bodies = await _received(client, 3)
    events = [event for body in bodies if (event := read_event(body, "application/json", datetime.now(UTC)))]
    assert {event.organization_id for event in events} == {await sales.registry().organization()}
    assert {event.message for event in events} == {"create", "update", "delete"}
    assert {str(event.row_id) for event in events} == {account}
    assert {Filter(WATCHED).rule_against(event) for event in events} == {None}


async def _received(client: ServiceBusClient, count: int) -> list[bytes]:
    bodies: list[bytes] = []
    async with client.get_queue_receiver(DATAVERSE_EVENTS) as receiver:
        async with asyncio.timeout(20):
            while len(bodies) < count:
                bodies += await _page(receiver)
        assert await receiver.receive_messages(1, max_wait_time=0.3) == []
    return bodies


async def _page(receiver: ServiceBusReceiver) -> list[bytes]:
    messages = await receiver.receive_messages(10, max_wait_time=5)
    for message in messages:
        await receiver.complete_message(message)
    return [b"".join(message.body) for message in messages]


async def test_registered_steps_deliver_to_the_webhook_with_its_key(sales: Sales) -> None:
    receiver = WebhookReceiver()
    await receiver.start()
    try:
        await register(sales.registration(), webhook_endpoint(receiver.url), SecretStr("the function key"))
        await sales.save("accounts", name="Adatum")
        await wait_until(lambda: len(receiver.requests) == 1)
        _, query, body = receiver.requests[0]
        assert query == {"code": "the function key"}
        assert json.loads(body)["MessageName"] == "Create"
    finally:
        await receiver.stop()


async def test_posts_that_failed_are_counted(sales: Sales) -> None:
    receiver = WebhookReceiver()
    await receiver.start()
    receiver.statuses = [500, 500]
    try:
        registration, endpoint = sales.registration(), webhook_endpoint(receiver.url)
        await register(registration, endpoint)
        for name in ("one", "two", "three"):
            await sales.save("accounts", name=name)
        await wait_until(lambda: len(receiver.requests) == 3 and sales.simulator.jobs.pending() == 0)
        failed = await registration.failed_posts(await registration.plan(endpoint))
        assert sorted(failed.values()) == [0, 0, 2]
    finally:
        await receiver.stop()


async def test_a_refusal_says_why_and_leaves_the_rest_for_the_next_run(sales: Sales) -> None:
    mistaken = sales.registration(WATCHED | {"new_nosuchcolumn"})
    with pytest.raises(ConfigurationFault, match="new_nosuchcolumn"):
        await register(mistaken, QUEUE)
    plan = await sales.registration().plan(QUEUE)
    assert [item.action for item in plan.items] == ["keep", "keep", "create", "create"]
    await sales.registration().apply(plan, None)
    assert (await sales.registration().plan(QUEUE)).settled


async def test_a_token_that_is_not_accepted_is_the_operators(sales: Sales) -> None:
    with pytest.raises(ConfigurationFault, match="401"):
        await sales.registry("another token").endpoints("x")


async def test_trouble_of_the_system_is_transient() -> None:
    down = httpx.MockTransport(lambda _: httpx.Response(503))
    async with httpx.AsyncClient(transport=down, base_url="https://sales.example.net") as http:
        clock = FakeClock(datetime.now(UTC))
        registry = DataverseRegistry(ODataClient(System.DATAVERSE, http, FixedToken(TOKEN), clock))
        with pytest.raises(TransientFault):
            await registry.create(Kind.STEP, {"name": "x"})


async def test_the_tool_registers_tells_and_removes_without_a_word_of_the_key(
    sales: Sales, bus: Child, tmp_path: Path
) -> None:
    example = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
    connection = bus.ready["connection_string"].replace("SAS_KEY_VALUE", "a+very=secret+key==")
    example["Values"] |= {"DATAVERSE_URL": sales.address, "LOCAL_TOKEN": TOKEN, "ServiceBus": connection}
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(example), encoding="utf-8")

    async def accountsync(*words: str) -> Result:
        runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
        result = await asyncio.to_thread(runner.invoke, app, ["--settings", str(file), *words])
        assert "a+very=secret" not in result.output
        return result

    assert (await accountsync("registration")).exit_code == 1
    dry = await accountsync("register", "--dry-run")
    assert (dry.exit_code, dry.stdout.count("create")) == (0, 4)
    assert (await accountsync("registration")).exit_code == 1
    assert "The key was sent." in (await accountsync("register", "--solution", "AccountSync")).stdout
    assert "Nothing to do." in (await accountsync("register")).stdout
    told = await accountsync("registration", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["settled"] is True
    assert json.loads(told.stdout)["organization_id"] == sales.simulator.store.identity.organization_id
    (endpoint,) = await sales.registry().endpoints(QUEUE.name)
    await sales.registry().update(Kind.ENDPOINT, endpoint.id, {"path": "elsewhere"})
    differing = await accountsync("registration")
    assert differing.exit_code == 1
    assert "path: elsewhere -> dataverse-events" in differing.stdout
    assert "would be removed" in (await accountsync("unregister", "--dry-run")).stdout
    assert (await accountsync("unregister", "--yes")).stdout.count("removed: ") == 4
    assert "Nothing is registered." in (await accountsync("unregister", "--yes")).stdout


async def test_the_tool_tells_the_organization_that_the_app_has_to_expect(
    sales: Sales, tmp_path: Path
) -> None:
    example = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
    example["Values"] |= {"DATAVERSE_URL": sales.address, "LOCAL_TOKEN": TOKEN}
    file = tmp_path / "settings.json"
    organization = sales.simulator.store.identity.organization_id
    await register(sales.registration(), queue_endpoint_of(example["Values"]["ServiceBus"]))

    async def registration(expected: str) -> Result:
        example["Values"]["DATAVERSE_ORGANIZATION_ID"] = expected
        file.write_text(json.dumps(example), encoding="utf-8")
        runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
        return await asyncio.to_thread(runner.invoke, app, ["--settings", str(file), "registration"])

    for expected, exit_code in (("", 0), (organization, 0), (str(UUID(int=7)), 1)):
        result = await registration(expected)
        assert result.exit_code == exit_code, result.output
        assert f"DATAVERSE_ORGANIZATION_ID is {organization}" in result.stdout
        assert ("rejects every event" in result.stdout) == bool(exit_code)


async def test_a_webhook_needs_its_address() -> None:
    runner = CliRunner()
    file = ROOT / "local.settings.json.example"
    result = await asyncio.to_thread(runner.invoke, app, ["--settings", str(file), "register", "--webhook"])
    assert result.exit_code == 2
    assert "FUNCTION_URL" in result.stderr


async def test_each_related_table_gets_a_step_for_its_updates_and_loses_it_again(sales: Sales) -> None:
    await register(sales.registration(related=RELATED), QUEUE)
    plan = await sales.registration(related=RELATED).plan(QUEUE)
    assert plan.settled
    steps = sales.simulator.store.rows("sdkmessageprocessingstep").values()
    assert {
        row.get("name"): row.get("filteringattributes") for row in steps if "account" not in row.get("name")
    } == {
        "Account Sync: Update of contact (queue)": "emailaddress1",
        "Account Sync: Update of systemuser (queue)": "fullname",
        "Account Sync: Update of transactioncurrency (queue)": "currencyname",
    }
    without = await sales.registration().plan(QUEUE)
    assert [item.action for item in without.items] == ["keep"] * 4 + ["delete"] * 3
    assert not without.settled
    await register(sales.registration(), QUEUE)
    assert (await sales.registration().plan(QUEUE)).settled
    assert len(sales.simulator.store.rows("sdkmessageprocessingstep")) == 3


async def test_related_accounts_widen_the_step_of_accounts(sales: Sales) -> None:
    await register(sales.registration(related={"account": frozenset({"tickersymbol"})}), QUEUE)
    steps = sales.simulator.store.rows("sdkmessageprocessingstep").values()
    (update,) = [row for row in steps if " Update of " in row.get("name")]
    assert set(update.get("filteringattributes").split(",")) == WATCHED | {"tickersymbol"}
