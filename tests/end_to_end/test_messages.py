"""What may happen to Dataverse's messages on their way: the customer ends up the same."""

from datetime import timedelta

import httpx

from local.stand import Stand
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually


async def _synced(system: System, telephone1: str = "") -> tuple[str, str]:
    number = system.number()
    account_id = await system.create(number, telephone1=telephone1)
    await system.settled(account_id)
    return number, account_id


async def test_a_repeated_event_is_looked_at_once(system: System) -> None:
    _, account_id = await _synced(system)
    repeated, next_one = system.event(account_id), system.event(account_id, columns=())
    assert (await system.post(repeated)).status_code == 202
    await system.looked_at(account_id, repeated["OperationId"])
    await system.settled(account_id)  # from here on, nothing but its message id marks it as a repeat
    for _ in range(2):
        assert (await system.post(repeated)).status_code == 202
    assert (await system.post(next_one)).status_code == 202
    await system.looked_at(account_id, next_one["OperationId"])
    looks = [line.operation_id for line in await system.log(account_id)]
    assert looks.count(repeated["OperationId"]) == 1


async def test_events_in_reverse_order_end_in_the_last_state(
    system: System, control: httpx.AsyncClient
) -> None:
    number, account_id = await _synced(system, telephone1="0")
    (await control.post("/events/hold")).raise_for_status()
    for telephone in ("1", "2", "3"):
        await system.change(account_id, telephone1=telephone)
    (await control.post("/events/release", json={"order": "reverse"})).raise_for_status()
    await system.customer_with(number, PrimaryContactPhone="3")
    await system.settled(account_id)
    await system.customer_with(number, PrimaryContactPhone="3")


async def test_a_burst_of_changes_ends_in_the_last_one(system: System) -> None:
    number, account_id = await _synced(system)
    for telephone in range(8):
        await system.change(account_id, telephone1=f"+45 {telephone}")
    await system.customer_with(number, PrimaryContactPhone="+45 7")


async def test_a_stripped_event_brings_what_a_lost_one_did_not(
    system: System, control: httpx.AsyncClient
) -> None:
    number, account_id = await _synced(system, telephone1="before")
    (await control.post("/events/hold")).raise_for_status()
    await system.change(account_id, telephone1="after")
    (await control.delete("/events")).raise_for_status()
    (await control.post("/events/release", json={})).raise_for_status()
    stripped = system.event(account_id, columns=())
    assert (await system.post(stripped)).status_code == 202
    await system.customer_with(number, PrimaryContactPhone="after")
    assert (await system.looked_at(account_id, stripped["OperationId"])).outcome == "updated"


async def test_an_event_older_than_the_last_look_needs_none(system: System, stand: Stand) -> None:
    _, account_id = await _synced(system)
    late = system.event(account_id, ago=timedelta(hours=1))
    assert (await system.post(late)).status_code == 202

    async def endings() -> list[str]:
        return [
            record["ending"]
            for record in stand.records()
            if record.get("event") == "outcome" and record["operation_id"] == late["OperationId"]
        ]

    assert await eventually(endings, bool, "the late event has an outcome") == ["covered"]


async def test_a_change_of_other_columns_alone_makes_no_look(system: System) -> None:
    _, account_id = await _synced(system)
    answer = await system.post(system.event(account_id, columns=("description", "modifiedon")))
    assert answer.status_code == 200
    assert answer.json() == {"status": "filtered", "rule": "columns"}
