"""Events of the Dataverse simulator: what a change posts and where, and what control can do to it."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest

from local.dynamics.dataverse.seed import fixed_id
from local.dynamics.events.notifier import LIMITS
from tests.contract.dynamics.simulator_stand import Stand, WebhookReceiver, wait_until

TARGET_TYPE = "Entity:http://schemas.microsoft.com/xrm/2011/Contracts"
DATE = re.compile(r"/Date\(-?\d+\)/")


async def make_account(stand: Stand, **columns: object) -> str:
    answer = await stand.dataverse.post("accounts", json={"name": "Contoso", **columns})
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"][-37:-1]


async def settled(stand: Stand) -> None:
    await wait_until(lambda: stand.simulator.jobs.pending() == 0)


def target(context: dict[str, Any]) -> dict[str, Any]:
    (parameter,) = [one for one in context["InputParameters"] if one["key"] == "Target"]
    return parameter["value"]


def attributes(entity: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in entity["Attributes"]}


async def test_a_create_is_a_remote_execution_context(hooked: Stand, receiver: WebhookReceiver) -> None:
    row_id = await make_account(hooked, customertypecode=3, creditlimit=10.5)
    await settled(hooked)
    (context,) = receiver.contexts()
    assert list(context) == sorted(context)
    assert (context["MessageName"], context["Mode"], context["Stage"], context["Depth"]) == (
        "Create",
        1,
        40,
        1,
    )
    assert (context["PrimaryEntityName"], context["PrimaryEntityId"]) == ("account", row_id)
    assert context["OperationId"] != context["RequestId"]
    assert context["IsInTransaction"] is False
    assert context["OwningExtension"]["Name"] is None
    assert re.fullmatch(r"/Date\(\d+\+0000\)/", context["OperationCreatedOn"])
    assert context["OutputParameters"] == [{"key": "id", "value": row_id}]
    assert target(context)["__type"] == TARGET_TYPE
    values = attributes(target(context))
    assert values["customertypecode"] == {
        "__type": "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts",
        "Value": 3,
    }
    assert values["creditlimit"]["Value"] == 10.5
    assert values["transactioncurrencyid"]["LogicalName"] == "transactioncurrency"
    assert values["transactioncurrencyid"]["Name"] is None
    assert DATE.fullmatch(values["createdon"])
    formatted = {one["key"]: one["value"] for one in target(context)["FormattedValues"]}
    assert formatted["statecode"] == "Active"
    assert "transactioncurrencyid" not in formatted


async def test_the_automatic_image_has_only_name_and_key_and_no_type(
    hooked: Stand, receiver: WebhookReceiver
) -> None:
    row_id = await make_account(hooked)
    await settled(hooked)
    (image,) = receiver.contexts()[0]["PostEntityImages"]
    assert image["key"] == "AsynchronousStepPrimaryName"
    assert attributes(image["value"]) == {"name": "Contoso", "accountid": row_id}
    assert "__type" not in image["value"]
    assert receiver.contexts()[0]["PreEntityImages"] == []


async def test_an_update_carries_only_what_was_sent(hooked: Stand, receiver: WebhookReceiver) -> None:
    row_id = await make_account(hooked, fax="1")
    await hooked.dataverse.patch(f"accounts({row_id})", json={"fax": None})
    await settled(hooked)
    update = receiver.contexts()[1]
    assert set(attributes(target(update))) == {
        "fax",
        "accountid",
        "modifiedon",
        "modifiedby",
        "modifiedonbehalfby",
    }
    assert attributes(target(update))["fax"] is None
    assert target(update)["FormattedValues"] == []
    assert update["ParentContext"]["Stage"] == 30
    assert update["ParentContext"]["ParentContext"] is None


async def test_state_and_other_columns_in_one_save_make_two_events(
    hooked: Stand, receiver: WebhookReceiver
) -> None:
    row_id = await make_account(hooked)
    await hooked.dataverse.patch(f"accounts({row_id})", json={"fax": "2", "statecode": 1})
    await settled(hooked)
    first, second = receiver.contexts()[1:]
    assert "fax" in attributes(target(first))
    assert "statecode" not in attributes(target(first))
    assert attributes(target(second))["statecode"]["Value"] == 1
    assert attributes(target(second))["statuscode"]["Value"] == 2
    assert first["OperationId"] != second["OperationId"]
    assert first["CorrelationId"] == second["CorrelationId"]


async def test_a_delete_targets_a_reference(hooked: Stand, receiver: WebhookReceiver) -> None:
    row_id = await make_account(hooked)
    await hooked.dataverse.delete(f"accounts({row_id})")
    await settled(hooked)
    context = receiver.contexts()[1]
    assert context["MessageName"] == "Delete"
    assert target(context)["__type"].startswith("EntityReference:")
    assert (target(context)["Id"], target(context)["Name"]) == (row_id, None)
    assert "Attributes" not in target(context)
    assert context["PostEntityImages"] == []
    assert [image["key"] for image in context["PreEntityImages"]] == ["AsynchronousStepPrimaryName"]


async def test_the_webhook_gets_its_key_and_headers(hooked: Stand, receiver: WebhookReceiver) -> None:
    await make_account(hooked)
    await settled(hooked)
    headers, query, body = receiver.requests[0]
    assert query == {"code": "secret key"}
    assert headers["content-type"] == "application/json"
    assert headers["x-ms-dynamics-entity-name"] == "account"
    assert headers["x-ms-dynamics-request-name"] == "Create"
    assert headers["x-ms-dynamics-organization"] in hooked.addresses["dataverse"]
    assert headers["x-ms-correlation-request-id"] == receiver.contexts()[0]["CorrelationId"]
    assert "x-ms-dynamics-msg-size-exceeded" not in headers
    assert rb"http:\/\/schemas" in body


@pytest.mark.parametrize(
    ("statuses", "posts", "state"),
    [
        ([503], 2, "posted"),
        ([502, 504], 2, "failed"),
        ([500], 1, "failed"),
        ([429], 1, "failed"),
        ([401], 1, "failed"),
    ],
)
async def test_a_webhook_is_tried_once_more_for_gateway_errors_alone(
    hooked: Stand, receiver: WebhookReceiver, statuses: list[int], posts: int, state: str
) -> None:
    receiver.statuses = list(statuses)
    await make_account(hooked)
    await settled(hooked)
    assert len(receiver.requests) == posts
    (event,) = (await hooked.control.get("/events")).json()["events"]
    assert event["state"] == state
    assert event["answer"] == "seen"


async def test_a_large_message_is_stripped_and_marked(
    hooked: Stand, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "webhook", 10_000)
    row_id = await make_account(hooked)
    await hooked.dataverse.patch(f"accounts({row_id})", json={"description": "é" * 2000})
    await settled(hooked)
    whole, (headers, _, body) = receiver.requests
    stripped = receiver.contexts()[1]
    assert "x-ms-dynamics-msg-size-exceeded" not in whole[0]
    assert headers["x-ms-dynamics-msg-size-exceeded"] == "true"
    assert len(body) < 4096
    assert not {"ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"} & set(stripped)
    assert (stripped["PrimaryEntityId"], stripped["MessageName"]) == (row_id, "Update")


async def test_held_events_are_released_in_the_order_asked_for(
    hooked: Stand, receiver: WebhookReceiver
) -> None:
    await hooked.control.post("/events/hold")
    for number in range(3):
        await make_account(hooked, name=f"{number}")
    assert (await hooked.control.get("/events")).json()["pending"] == 3
    answer = await hooked.control.post("/events/release", json={"order": "reverse"})
    assert answer.json() == {"released": 3}
    assert [attributes(target(one))["name"] for one in receiver.contexts()] == ["2", "1", "0"]


async def test_events_are_posted_in_order_unless_more_workers_share_them(
    hooked: Stand, receiver: WebhookReceiver
) -> None:
    for number in range(20):
        await make_account(hooked, name=f"{number:02d}")
    await settled(hooked)
    names = [attributes(target(one))["name"] for one in receiver.contexts()]
    assert names == sorted(names)
    await hooked.settings(workers=8)
    receiver.delay = 0.05
    for number in range(8):
        await make_account(hooked, name=f"{number:02d}")
    await settled(hooked)
    assert receiver.most_at_once > 1


async def test_a_random_order_can_be_repeated(hooked: Stand, receiver: WebhookReceiver) -> None:
    orders: list[list[str]] = []
    for _ in range(2):
        await hooked.control.post("/events/hold")
        for number in range(6):
            await make_account(hooked, name=f"{number}")
        await hooked.control.post("/events/release", json={"order": "random", "seed": 3})
        orders.append([attributes(target(one))["name"] for one in receiver.contexts()[-6:]])
    assert orders[0] == orders[1] != sorted(orders[0])


async def test_a_repeat_has_the_same_operation_id(hooked: Stand, receiver: WebhookReceiver) -> None:
    await make_account(hooked)
    await settled(hooked)
    first = (await hooked.control.get("/events")).json()["events"][0]
    answer = await hooked.control.post("/events", json={"repeat_of": first["operation_id"]})
    assert answer.status_code == 201
    await settled(hooked)
    assert receiver.requests[0][2] == receiver.requests[1][2]


async def test_events_by_hand(hooked: Stand, receiver: WebhookReceiver) -> None:
    missing = str(uuid4())
    orders: list[dict[str, object]] = [
        {"account_id": missing, "operation": "delete", "occurred_at": "2026-01-02T03:04:05Z"},
        {"account_id": missing, "operation": "update", "columns": ["fax"], "stripped": True},
        {"account_id": missing, "operation": "create", "mode": 0},
        {"account_id": missing, "body": "<xml/>", "content_type": "application/xml"},
    ]
    for order in orders:
        assert (await hooked.control.post("/events", json=order)).status_code == 201
    await settled(hooked)
    contexts = [one for one in receiver.requests if one[0]["content-type"] == "application/json"]
    assert len(contexts) == 3
    deleted, stripped, synchronous = (json.loads(one[2]) for one in contexts)
    assert deleted["OperationCreatedOn"] == "/Date(1767323045000+0000)/"
    assert "InputParameters" not in stripped
    assert (synchronous["Mode"], synchronous["OperationId"]) == (0, synchronous["RequestId"])
    assert synchronous["OwningExtension"]["Name"]
    assert receiver.requests[-1][2] == b"<xml/>"


async def test_an_order_that_cannot_be_posted_says_what_to_do(stand: Stand) -> None:
    answer = await stand.control.post("/events", json={"account_id": str(uuid4())})
    assert answer.status_code == 409
    assert "--servicebus" in answer.json()["error"]
    assert (await stand.control.post("/events", json={"nonsense": 1})).status_code == 400


async def test_seeded_accounts_post_nothing_unless_asked(hooked: Stand, receiver: WebhookReceiver) -> None:
    await hooked.seed(accounts=[{"name": "quiet"}])
    await hooked.seed(accounts=[{"name": "loud"}], events=True)
    await settled(hooked)
    assert [attributes(target(one))["name"] for one in receiver.contexts()] == ["loud"]


async def test_a_step_of_another_table_posts_its_updates(hooked: Stand, receiver: WebhookReceiver) -> None:
    store = hooked.simulator.store
    (endpoint,) = store.rows("serviceendpoint")
    step = {
        "name": "Update of contact",
        "stage": 40,
        "mode": 1,
        "asyncautodelete": True,
        "filteringattributes": "emailaddress1",
        "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
        "sdkmessageid@odata.bind": f"/sdkmessages({fixed_id('sdkmessage', 'Update')})",
        "sdkmessagefilterid@odata.bind": (
            f"/sdkmessagefilters({fixed_id('sdkmessagefilter', 'Update/contact')})"
        ),
    }
    assert (await hooked.dataverse.post("sdkmessageprocessingsteps", json=step)).status_code == 204
    made = await hooked.dataverse.post("contacts", json={"lastname": "Lee"})
    row_id = made.headers["OData-EntityId"][-37:-1]
    await hooked.dataverse.patch(f"contacts({row_id})", json={"lastname": "Li"})
    await hooked.dataverse.patch(f"contacts({row_id})", json={"emailaddress1": "li@example.com"})
    await settled(hooked)
    (context,) = receiver.contexts()
    assert (context["PrimaryEntityName"], context["MessageName"]) == ("contact", "Update")
    assert context["PrimaryEntityId"] == row_id
    assert attributes(target(context))["emailaddress1"] == "li@example.com"


async def test_a_new_owner_is_posted_as_ownerid_and_read_as_owninguser(
    hooked: Stand, receiver: WebhookReceiver
) -> None:
    row_id = await make_account(hooked)
    made = await hooked.dataverse.post("systemusers", json={"fullname": "Kim"})
    user = made.headers["OData-EntityId"][-37:-1]
    change = {"ownerid@odata.bind": f"/systemusers({user})"}
    assert (await hooked.dataverse.patch(f"accounts({row_id})", json=change)).status_code == 204
    await settled(hooked)
    assert "ownerid" in attributes(target(receiver.contexts()[-1]))
    query = f"accounts({row_id})?$select=name&$expand=owninguser($select=fullname)"
    assert (await hooked.dataverse.get(query)).json()["owninguser"]["fullname"] == "Kim"


@pytest.mark.parametrize("path", ["contacts", "accounts?$expand=primarycontactid($select=emailaddress1)"])
async def test_a_table_that_may_not_be_read_is_refused_directly_and_through_a_look_up(
    hooked: Stand, path: str
) -> None:
    hooked.simulator.dataverse.unreadable = {"contact"}
    refused = await hooked.dataverse.get(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "0x80040220")
    assert (await hooked.dataverse.get("accounts?$select=name")).status_code == 200
