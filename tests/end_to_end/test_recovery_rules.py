"""What happens to single accounts and customers that left the usual path, and how they come back to it."""

import asyncio
from dataclasses import asdict
from typing import Any
from uuid import UUID

import httpx
import pytest

from local.stand import Stand
from shared.model.faults import System as Service
from shared.model.queues import Bin
from shared.resilience.replay import Asked
from tests.end_to_end.operator import application, heal, map_currency, running_with
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually

ASKED = Asked("anna", "after the restore")
CODES = ("TST", "TS2", "TS3")
HEAL_EVERY = 0.5


async def _currency(control: httpx.AsyncClient, name: str) -> str:
    """A currency of its own in Sales, with codes that Operations knows."""
    rows = {
        "transactioncurrencies": [{"currencyname": name, "isocurrencycode": "XTS"}],
        "currencies": [{"CurrencyCode": code} for code in CODES],
    }
    (await control.post("/state", json=rows)).raise_for_status()
    return name


async def _healed(system: System, number: str, code: str) -> None:
    """Heal as often as the timer would, until the customer has this currency."""

    async def healing() -> bool:
        await heal(system)
        await asyncio.sleep(HEAL_EVERY)
        customer = await system.customer(number)
        return customer is not None and customer["SalesCurrencyCode"] == code

    await eventually(healing, bool, f"customer {number} healed to {code}")


async def _customer_there(control: httpx.AsyncClient, number: str, name: str) -> None:
    """A customer that stood in Operations before its account was known."""
    row = {
        "dataAreaId": "usmf",
        "CustomerAccount": number,
        "OrganizationName": name,
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "OnHoldStatus": "No",
        "PartyType": "Organization",
    }
    (await control.post("/state", json={"customers": [row]})).raise_for_status()


async def test_a_changed_account_number_is_parked_and_makes_no_second_customer(system: System) -> None:
    first, second = system.number(), system.number()
    account_id = await system.create(first)
    await system.settled(account_id)
    await system.change(account_id, accountnumber=second)
    await system.parked(account_id, "KeyChanged")
    assert await system.customer(second) is None
    await system.change(account_id, accountnumber=first, telephone1="+45 1")
    await system.customer_with(first, PrimaryContactPhone="+45 1")
    await system.phase(account_id, "synced")


async def test_a_customer_of_the_same_name_is_adopted_and_one_of_another_name_is_not(
    system: System, control: httpx.AsyncClient
) -> None:
    same, other = system.number(), system.number()
    await _customer_there(control, same, "contoso  LTD")
    await _customer_there(control, other, "Somebody Else")
    adopted = await system.create(same, "Euro", name="Contoso Ltd")
    await system.customer_with(same, OrganizationName="Contoso Ltd", SalesCurrencyCode="EUR")
    await system.phase(adopted, "synced")
    parked = await system.create(other, "Euro", name="Contoso Ltd")
    await system.parked(parked, "CustomerExists")
    await system.customer_with(other, OrganizationName="Somebody Else", SalesCurrencyCode="USD")


async def test_a_code_unknown_to_operations_is_healed_by_correcting_its_row(
    system: System, control: httpx.AsyncClient
) -> None:
    name = await _currency(control, "Test Crown")
    await map_currency(system, name, "TSX")
    number = system.number()
    account_id = await system.create(number, name)
    issue = (await system.parked(account_id, "UnknownErpCurrency|TSX"))["PartitionKey"]
    assert await system.customer(number) is None
    await map_currency(system, name, "TST")
    await _healed(system, number, "TST")
    await system.phase(account_id, "synced")
    assert await system.row("Issues", issue, account_id) == {}


async def test_a_missing_row_heals_by_itself_once_it_is_there(
    system: System, control: httpx.AsyncClient
) -> None:
    name = await _currency(control, "Test Shilling")
    number = system.number()
    account_id = await system.create(number, name)
    await system.parked(account_id, "UnmappedCurrency|test shilling")
    await map_currency(system, name, "TS3")
    await _healed(system, number, "TS3")
    assert {line.source for line in await system.log(account_id)} >= {"heal"}


async def test_a_changed_row_reaches_the_customers_already_written(
    system: System, control: httpx.AsyncClient
) -> None:
    name = await _currency(control, "Test Ducat")
    await map_currency(system, name, "TST")
    number = system.number()
    account_id = await system.create(number, name)
    await system.customer_with(number, SalesCurrencyCode="TST")
    await system.settled(account_id)
    await map_currency(system, name, "TS2")
    await _healed(system, number, "TS2")


async def test_a_restored_sales_system_waits_for_a_replay_and_then_counts(
    system: System, stand: Stand
) -> None:
    number = system.number()
    account_id = await system.create(number, telephone1="restored")
    await system.settled(account_id)
    await _as_if_seen_newer(system, account_id)
    await system.post(system.event(account_id))
    await eventually(
        lambda: system.log(account_id),
        lambda lines: "older version" in lines[-1].detail,
        "the older version is noticed",
    )
    async with application(stand) as app:
        assert await app.replay.account(UUID(account_id), ASKED)
    await eventually(
        lambda: system.log(account_id),
        lambda lines: any(line.source == "replay" and line.outcome == "unchanged" for line in lines),
        "the replay accepted what stands in Sales",
    )
    await system.settled(account_id)


async def _as_if_seen_newer(system: System, account_id: str) -> None:
    """As if Sales had been further once, before it was restored from a backup."""
    state: dict[str, Any] = dict(await system.state(account_id))
    version = state["Version"]
    state["Version"] = version._replace(value=int(version.value) + 1_000_000)
    await system.tables.get_table_client("AccountSync").update_entity(state)


async def test_a_customer_that_vanished_from_operations_is_made_anew(system: System) -> None:
    number = system.number()
    account_id = await system.create(number, telephone1="kept")
    await system.customer_with(number, PrimaryContactPhone="kept")
    await system.settled(account_id)
    path = f"/CustomersV3(dataAreaId='{system.places.company}',CustomerAccount='{number}')"
    (await system.operations.delete(path, params={"cross-company": "true"})).raise_for_status()
    await system.change(account_id, address1_city="Oslo")
    await system.customer_with(number, AddressCity="Oslo", PrimaryContactPhone="kept")


async def test_a_pause_holds_work_until_it_is_resumed(
    system: System, control: httpx.AsyncClient, stand: Stand
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.settled(account_id)
    async with application(stand) as app:
        await app.breakers.pause([Service.OPERATIONS], "anna")
        try:
            await _held_back(system, stand, account_id)
            before = len((await control.get("/requests", params={"system": "operations"})).json()["entries"])
            await system.change(account_id, telephone1="+46 1")
            assert await system.state(account_id)
            after = (await control.get("/requests", params={"system": "operations"})).json()["entries"]
            assert {entry["method"] for entry in after[before:]} <= {"GET"}
        finally:
            await app.breakers.resume([Service.OPERATIONS])
        await _taken_up(system, account_id, number, "+46 1")


async def _held_back(system: System, stand: Stand, account_id: str) -> None:
    """Wait until the host knows of the pause: what comes then waits, and the log names who asked for it."""

    async def waiting() -> bool:
        await system.post(system.event(account_id))
        return any(
            "is paused by anna" in record.get("detail", "")
            for record in stand.records()
            if record.get("account_id") == account_id
        )

    await eventually(waiting, bool, "work is held back")


async def _taken_up(system: System, account_id: str, number: str, phone: str) -> None:
    """Wait until the host knows that it may go on: the next event brings the customer into line."""

    async def done() -> bool:
        await system.post(system.event(account_id))
        customer = await system.customer(number)
        return customer is not None and customer["PrimaryContactPhone"] == phone

    await eventually(done, bool, "work goes on")


async def test_a_replay_by_cause_says_who_asked_and_why(
    system: System, control: httpx.AsyncClient, stand: Stand
) -> None:
    number = system.number()
    refused = {"system": "operations", "kind": "status", "status": 500, "code": "infolog", "count": 1}
    (await control.post("/faults", json=refused | {"method": "POST"})).raise_for_status()
    account_id = await system.create(number)
    await system.parked(account_id, "RefusedByErp")
    async with application(stand) as app:
        assert await app.replay.parked(ASKED, "RefusedByErp") == 1
    await system.customer_with(number, SalesCurrencyCode="EUR")
    state = await system.phase(account_id, "synced")
    assert "anna: after the restore" in state["Log"]


async def test_rejected_events_are_listed_and_sent_again(system: System, stand: Stand) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.settled(account_id)
    event = system.event(account_id)
    answer = await system.post(event, content_type="text/plain")
    assert answer.status_code == 415
    async with application(stand) as app:
        found = [leftover async for leftover in app.ports.leftovers.peek(Bin.REJECTED)]
        (ours,) = [leftover for leftover in found if event["OperationId"].encode() in leftover.body]
        assert asdict(ours)["reason"] == "not-json"
        only = frozenset({ours.sequence_number})
        assert (await app.resubmit.run(Bin.REJECTED, "anna: mended", only))[0] == 1
        left = [leftover.body async for leftover in app.ports.leftovers.peek(Bin.REJECTED)]
    assert ours.body not in left
    line = await system.looked_at(account_id, event["OperationId"])
    assert line.source == "dataverse-queue"


@pytest.mark.parametrize("existing", ["adopt", "park"])
async def test_what_becomes_of_an_existing_customer_is_a_setting_and_ceilings_park(
    system: System, control: httpx.AsyncClient, stand: Stand, existing: str
) -> None:
    number = system.number()
    await _customer_there(control, number, "Somebody" if existing == "adopt" else f"Test {number}")
    async with running_with(stand, {"EXISTING_CUSTOMER": existing, "MAX_CREATES_PER_HOUR": "1"}):
        account_id = await system.create(number, "Euro")
        if existing == "adopt":
            await system.customer_with(number, OrganizationName=f"Test {number}", SalesCurrencyCode="EUR")
        else:
            await system.parked(account_id, "CustomerExists")
            await _guard_trips(system, stand)


async def _guard_trips(system: System, stand: Stand) -> None:
    """Of three creations at most two are carried out, even if an hour ends in between."""
    numbers = [system.number() for _ in range(3)]
    accounts = [await system.create(number) for number in numbers]

    async def parked() -> list[str]:
        states = [await system.state(account) for account in accounts]
        return [row["Issue"] for row in states if row.get("Phase") == "parked"]

    await eventually(parked, lambda issues: "GuardTripped|creates" in issues, "the guard trips")
    assert sum([await system.customer(number) is not None for number in numbers]) <= 2
    assert any(record.get("event") == "guard-tripped" for record in stand.records())
