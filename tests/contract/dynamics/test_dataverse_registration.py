"""Registration of events through the Web API: what is refused, and that a step drives the posting."""

from typing import Any

import pytest

from tests.contract.dynamics.simulator_stand import Stand, WebhookReceiver, wait_until

REPRESENTATION = {"Prefer": "return=representation"}
QUEUE = {
    "name": "orders",
    "contract": 6,
    "authtype": 2,
    "namespaceaddress": "sb://example.servicebus.windows.net/",
    "path": "dataverse-events",
    "saskeyname": "send",
    "saskey": "c2VjcmV0",
    "messageformat": 2,
    "messagecharset": 1,
    "userclaim": 2,
}


async def post(stand: Stand, entity_set: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await stand.dataverse.post(entity_set, json=body, headers=REPRESENTATION)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refused(stand: Stand, entity_set: str, body: dict[str, Any]) -> str:
    answer = await stand.dataverse.post(entity_set, json=body)
    assert answer.status_code == 400, body
    return answer.json()["error"]["message"]


async def step_body(stand: Stand, message: str, endpoint_id: str, **columns: Any) -> dict[str, Any]:
    """The fields that registration tools send, looked up as they do."""
    found = await stand.dataverse.get("sdkmessages", params={"$filter": f"name eq '{message}'"})
    message_id = found.json()["value"][0]["sdkmessageid"]
    query = f"primaryobjecttypecode eq 'account' and _sdkmessageid_value eq {message_id}"
    scope = (await stand.dataverse.get("sdkmessagefilters", params={"$filter": query})).json()["value"]
    return {
        "name": f"{message} of account",
        "stage": 40,
        "mode": 1,
        "rank": 1,
        "asyncautodelete": True,
        "supporteddeployment": 0,
        "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint_id})",
        "sdkmessageid@odata.bind": f"/sdkmessages({message_id})",
        "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({scope[0]['sdkmessagefilterid']})",
        **columns,
    }


async def webhook(stand: Stand, url: str) -> str:
    body = {"name": "hook", "contract": 8, "url": url, "authtype": 4, "authvalue": "key"}
    return (await post(stand, "serviceendpoints", body))["serviceendpointid"]


async def test_a_registered_step_drives_the_posting(stand: Stand, receiver: WebhookReceiver) -> None:
    endpoint = await webhook(stand, receiver.url)
    body = await step_body(stand, "Update", endpoint, filteringattributes="name,transactioncurrencyid")
    step = (await post(stand, "sdkmessageprocessingsteps", body))["sdkmessageprocessingstepid"]
    account = (await post(stand, "accounts", {"name": "A", "creditlimit": 1}))["accountid"]
    await stand.dataverse.patch(f"accounts({account})", json={"fax": "1"})
    await stand.dataverse.patch(f"accounts({account})", json={"name": "A"})  # sent, though not changed
    await wait_until(lambda: len(receiver.requests) == 1 and stand.simulator.jobs.pending() == 0)
    (context,) = receiver.contexts()
    assert context["OwningExtension"]["Id"] == step
    assert receiver.requests[0][1] == {"code": "key"}


async def test_a_disabled_step_posts_nothing_and_two_steps_post_twice(
    stand: Stand, receiver: WebhookReceiver
) -> None:
    endpoint = await webhook(stand, receiver.url)
    body = await step_body(stand, "Create", endpoint)
    steps = [
        (await post(stand, "sdkmessageprocessingsteps", body))["sdkmessageprocessingstepid"] for _ in range(3)
    ]
    answer = await stand.dataverse.patch(
        f"sdkmessageprocessingsteps({steps[0]})", json={"statecode": 1, "statuscode": 2}
    )
    assert answer.status_code == 204
    await stand.dataverse.post("accounts", json={"name": "A"})
    await wait_until(lambda: len(receiver.requests) == 2 and stand.simulator.jobs.pending() == 0)
    first, second = receiver.contexts()
    assert first["OperationId"] != second["OperationId"]
    assert first["CorrelationId"] == second["CorrelationId"]


async def test_secrets_cannot_be_read_back(stand: Stand) -> None:
    made = await post(stand, "serviceendpoints", QUEUE)
    row = (await stand.dataverse.get(f"serviceendpoints({made['serviceendpointid']})")).json()
    assert (row["saskey"], row["issaskeyset"], row["isauthvalueset"]) == (None, True, False)
    assert row["saskeyname"] == "send"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"saskey": None}, "saskey"),
        ({"namespaceaddress": "https://example"}, "sb://"),
        ({"path": None}, "path"),
        ({"contract": None}, "contract"),
        ({"contract": 8}, "url"),
        ({"contract": 8, "url": "https://x.example", "authtype": 2}, "authtype"),
        ({"path": "x" * 161}, "160"),
        ({"contract": 99}, "outside the valid range"),
    ],
)
async def test_endpoints_that_make_no_sense_are_refused(
    stand: Stand, change: dict[str, Any], text: str
) -> None:
    assert text in await refused(stand, "serviceendpoints", {**QUEUE, **change})


async def test_steps_that_break_the_rules_are_refused(stand: Stand) -> None:
    endpoint = (await post(stand, "serviceendpoints", QUEUE))["serviceendpointid"]
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("Update", {"stage": 20}, "Post-operation"),
        ("Update", {"mode": 0}, "asynchronous"),
        ("Create", {"filteringattributes": "name"}, "Filtering attributes"),
        ("Update", {"filteringattributes": "name,nosuchcolumn"}, "nosuchcolumn"),
    ]
    for message, change, text in cases:
        body = await step_body(stand, message, endpoint, **change)
        assert text in await refused(stand, "sdkmessageprocessingsteps", body)
    pascal = await step_body(stand, "Update", endpoint)
    pascal["EventHandler_ServiceEndpoint@odata.bind"] = pascal.pop("eventhandler_serviceendpoint@odata.bind")
    assert "undeclared property" in await refused(stand, "sdkmessageprocessingsteps", pascal)
    mixed = await step_body(stand, "Update", endpoint)
    mixed["sdkmessageid@odata.bind"] = (await step_body(stand, "Create", endpoint))["sdkmessageid@odata.bind"]
    assert "message filter" in await refused(stand, "sdkmessageprocessingsteps", mixed)


async def test_an_endpoint_in_use_stays(stand: Stand) -> None:
    endpoint = (await post(stand, "serviceendpoints", QUEUE))["serviceendpointid"]
    made = await post(stand, "sdkmessageprocessingsteps", await step_body(stand, "Update", endpoint))
    answer = await stand.dataverse.delete(f"serviceendpoints({endpoint})")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x8004f01f")
    step = f"sdkmessageprocessingsteps({made['sdkmessageprocessingstepid']})"
    assert (await stand.dataverse.delete(step)).status_code == 204
    assert (await stand.dataverse.delete(f"serviceendpoints({endpoint})")).status_code == 204


async def test_failed_jobs_are_found_among_the_system_jobs(hooked: Stand, receiver: WebhookReceiver) -> None:
    receiver.statuses = [500]
    for name in ("refused", "taken"):
        await hooked.dataverse.post("accounts", json={"name": name})
    await wait_until(lambda: hooked.simulator.jobs.pending() == 0)
    failed = await hooked.dataverse.get("asyncoperations", params={"$filter": "statuscode eq 31"})
    (row,) = failed.json()["value"]
    assert row["asyncoperationid"] == receiver.contexts()[0]["OperationId"]
    assert row["_owningextensionid_value"] == receiver.contexts()[0]["OwningExtension"]["Id"]
    assert "500" in row["friendlymessage"]
    assert len((await hooked.dataverse.get("asyncoperations")).json()["value"]) == 1
