"""Registration: by name, idempotent, never doubling, never telling a secret."""

from typing import Any

import pytest
from pydantic import SecretStr

from shared.dataverse.endpoints import Endpoint, Kind, queue_endpoint, webhook_endpoint
from shared.dataverse.registration import Registration
from shared.dataverse.registration_plan import Plan
from shared.field_maps import load_field_map
from shared.model.faults import ConfigurationFault
from tests.fakes.registry import FakeRegistry

QUEUE = queue_endpoint("contoso.servicebus.windows.net", "dataverse-events", "dataverse-send")
WEBHOOK = webhook_endpoint("https://app.example.net/api/dataverse/events")
KEY = SecretStr("the sas key")
WATCHED = load_field_map("operations").watched


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def registration(registry: FakeRegistry) -> Registration:
    return Registration(registry, WATCHED)


async def register(
    registration: Registration, endpoint: Endpoint = QUEUE, secret: SecretStr | None = KEY
) -> Plan:
    plan = await registration.plan(endpoint)
    await registration.apply(plan, secret)
    return plan


def only(registry: FakeRegistry, kind: Kind) -> dict[str, Any]:
    (row,) = registry.rows[kind].values()
    return row


def step(registry: FakeRegistry, message: str) -> dict[str, Any]:
    return next(row for row in registry.rows[Kind.STEP].values() if f" {message} of " in row["name"])


async def test_everything_is_made_where_nothing_is(
    registry: FakeRegistry, registration: Registration
) -> None:
    plan = await register(registration)
    assert [item.action for item in plan.items] == ["create"] * 4
    endpoint = only(registry, Kind.ENDPOINT)
    assert (endpoint["contract"], endpoint["authtype"], endpoint["messageformat"]) == (6, 2, 2)
    assert endpoint["namespaceaddress"] == "sb://contoso.servicebus.windows.net/"
    assert (endpoint["path"], endpoint["saskeyname"]) == ("dataverse-events", "dataverse-send")
    assert {row["name"] for row in registry.rows[Kind.STEP].values()} == {
        f"Account Sync: {message} of account (queue)" for message in ("Create", "Update", "Delete")
    }


async def test_steps_are_asynchronous_and_after_the_operation(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    for row in registry.rows[Kind.STEP].values():
        assert (row["stage"], row["mode"], row["asyncautodelete"]) == (40, 1, True)


async def test_only_updates_are_filtered_and_by_the_watched_columns(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    assert set(step(registry, "Update")["filteringattributes"].split(",")) == WATCHED
    assert not step(registry, "Create")["filteringattributes"]
    assert not step(registry, "Delete")["filteringattributes"]


async def test_doing_it_again_changes_nothing(registry: FakeRegistry, registration: Registration) -> None:
    await register(registration)
    registry.calls.clear()
    plan = await register(registration, secret=None)
    assert plan.settled
    assert registry.calls == []


async def test_the_order_of_the_columns_makes_no_difference(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    row = step(registry, "Update")
    row["filteringattributes"] = ", ".join(reversed(row["filteringattributes"].split(",")))
    assert (await registration.plan(QUEUE)).settled


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("filteringattributes", "name"),
        ("filteringattributes", ""),
        ("mode", 0),
        ("stage", 20),
        ("statecode", 1),
        ("asyncautodelete", False),
        ("sdkmessagefilterid", "00000000-0000-0000-0000-0000000000ff"),
    ],
)
async def test_a_step_that_differs_is_told_and_corrected_in_place(
    registry: FakeRegistry, registration: Registration, column: str, value: object
) -> None:
    await register(registration)
    ids = set(registry.rows[Kind.STEP])
    step(registry, "Update")[column] = value
    plan = await registration.plan(QUEUE)
    (differing,) = [item for item in plan.steps if item.action == "update"]
    assert [one.column for one in differing.differences] == [column]
    await registration.apply(plan, None)
    assert (await registration.plan(QUEUE)).settled
    assert set(registry.rows[Kind.STEP]) == ids


async def test_a_disabled_step_is_enabled_with_its_status(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    step(registry, "Delete").update(statecode=1, statuscode=2)
    registry.calls.clear()
    await register(registration, secret=None)
    assert registry.calls == [("update", Kind.STEP, {"statecode": 0, "statuscode": 1})]


async def test_an_endpoint_that_differs_keeps_its_key(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    only(registry, Kind.ENDPOINT)["path"] = "elsewhere"
    registry.calls.clear()
    await register(registration, secret=None)
    assert registry.calls == [("update", Kind.ENDPOINT, {"path": "dataverse-events"})]


async def test_a_new_key_is_sent_alone(registry: FakeRegistry, registration: Registration) -> None:
    await register(registration)
    registry.calls.clear()
    await register(registration, secret=SecretStr("new"))
    assert registry.calls == [("update", Kind.ENDPOINT, {"saskey": "new"})]


async def test_without_a_key_nothing_is_made(registry: FakeRegistry, registration: Registration) -> None:
    with pytest.raises(ConfigurationFault, match="key"):
        await register(registration, secret=None)
    assert registry.calls == []


async def test_an_endpoint_that_lost_its_key_asks_for_one(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    only(registry, Kind.ENDPOINT)["issaskeyset"] = False
    plan = await registration.plan(QUEUE)
    assert plan.needs_secret
    assert not plan.settled


async def test_a_run_that_stopped_half_way_is_finished_by_the_next(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    for row_id in [row_id for row_id, row in registry.rows[Kind.STEP].items() if "Update" in row["name"]]:
        del registry.rows[Kind.STEP][row_id]
    plan = await register(registration, secret=None)
    assert [item.action for item in plan.items] == ["keep", "keep", "create", "keep"]
    assert len(registry.rows[Kind.STEP]) == 3


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_name_that_is_there_twice_is_refused(
    registry: FakeRegistry, registration: Registration, kind: Kind
) -> None:
    await register(registration)
    row = next(iter(registry.rows[kind].values()))
    await registry.create(kind, {**row})
    with pytest.raises(ConfigurationFault, match="twice"):
        await registration.plan(QUEUE)


async def test_what_doubles_events_is_told(registry: FakeRegistry, registration: Registration) -> None:
    await register(registration)
    await register(registration, WEBHOOK)
    endpoint_id = next(iter(registry.rows[Kind.ENDPOINT]))
    link = f"/serviceendpoints({endpoint_id})"
    await registry.create(Kind.STEP, {"name": "stranger", "eventhandler_serviceendpoint@odata.bind": link})
    plan = await registration.plan(QUEUE)
    assert (plan.strangers, plan.others) == (("stranger",), ("Account Sync (webhook)",))


async def test_a_webhook_has_its_own_endpoint_and_steps(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration, WEBHOOK)
    endpoint = only(registry, Kind.ENDPOINT)
    assert (endpoint["contract"], endpoint["authtype"], endpoint["isauthvalueset"]) == (8, 4, True)
    assert endpoint["url"] == "https://app.example.net/api/dataverse/events"
    assert all(row["name"].endswith("(webhook)") for row in registry.rows[Kind.STEP].values())


async def test_the_solution_is_named_for_what_is_made(
    registry: FakeRegistry, registration: Registration
) -> None:
    await registration.apply(await registration.plan(QUEUE), KEY, "AccountSync")
    assert {call for call, _, _ in registry.calls} == {"create AccountSync"}


async def test_removing_takes_steps_first_and_leaves_nothing(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    registry.calls.clear()
    assert len(await registration.remove(QUEUE, dry_run=True)) == 4
    assert registry.calls == []
    assert len(await registration.remove(QUEUE)) == 4
    assert [kind for _, kind, _ in registry.calls] == [Kind.STEP] * 3 + [Kind.ENDPOINT]
    assert await registration.remove(QUEUE) == ()


async def test_removing_leaves_what_others_registered(
    registry: FakeRegistry, registration: Registration
) -> None:
    await register(registration)
    link = f"/serviceendpoints({next(iter(registry.rows[Kind.ENDPOINT]))})"
    await registry.create(Kind.STEP, {"name": "stranger", "eventhandler_serviceendpoint@odata.bind": link})
    with pytest.raises(ConfigurationFault, match="stranger"):
        await registration.remove(QUEUE)
    assert len(registry.rows[Kind.STEP]) == 4


async def test_failed_posts_are_counted_by_step(registry: FakeRegistry, registration: Registration) -> None:
    await register(registration)
    registry.failed = 3
    failed = await registration.failed_posts(await registration.plan(QUEUE))
    assert set(failed.values()) == {3}
    assert len(failed) == 3


async def test_no_plan_holds_the_key(registry: FakeRegistry, registration: Registration) -> None:
    await register(registration)
    assert KEY.get_secret_value() not in repr(await registration.plan(QUEUE))
