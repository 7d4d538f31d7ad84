"""Faults of Operations and the sudden end of the host: nothing is lost, no customer is doubled."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from local.stand import Stand
from tests.end_to_end.operator import running_with
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually

FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429, "retry_after": 1, "count": 4},
    "503": {"kind": "status", "status": 503, "count": 4},
    "500": {"kind": "status", "status": 500, "count": 2, "body": "<html>Internal Server Error</html>"},
    "lost before it was read": {"kind": "drop-before", "count": 4},
    "lost after it was done": {"kind": "drop-after-commit", "count": 1},
}


async def _fault(control: httpx.AsyncClient, **rule: object) -> None:
    (await control.post("/faults", json={"system": "operations", **rule})).raise_for_status()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_customer_is_created_once_whatever_operations_answers_at_first(
    system: System, control: httpx.AsyncClient, fault: str
) -> None:
    await _fault(control, method="POST", path="CustomersV3", **FAULTS[fault])
    number = system.number()
    account_id = await system.create(number)
    await system.customer_with(number, SalesCurrencyCode="EUR", OrganizationName=f"Test {number}")
    await system.settled(account_id)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_change_arrives_whatever_operations_answers_at_first(
    system: System, control: httpx.AsyncClient, fault: str
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.settled(account_id)
    await _fault(control, method="PATCH", path="CustomersV3", **FAULTS[fault])
    await system.change(account_id, telephone1="+47 1")
    await system.customer_with(number, PrimaryContactPhone="+47 1")
    await system.settled(account_id)


async def test_a_request_that_is_carried_out_late_does_not_win_over_a_later_change(
    system: System, control: httpx.AsyncClient
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.settled(account_id)
    late = {"kind": "late-commit", "status": 504, "delay_ms": 1000, "count": 1}
    await _fault(control, method="PATCH", path="CustomersV3", **late)
    await system.change(account_id, telephone1="old")
    await eventually(
        lambda: system.state(account_id), lambda row: "DoubtfulUntil" in row, "the answer is in doubt"
    )
    await system.change(account_id, telephone1="new")
    await system.settled(account_id)
    await system.customer_with(number, PrimaryContactPhone="new")


async def test_a_right_that_is_lost_parks_three_accounts_and_given_back_all_is_written(
    system: System, control: httpx.AsyncClient, stand: Stand
) -> None:
    numbers = [system.number() for _ in range(8)]
    accounts = [await system.create(number) for number in numbers]
    for account_id in accounts:
        await system.settled(account_id)
    async with running_with(stand, {"OPERATOR_RETRY_SECONDS": "2"}):
        await _fault(control, method="PATCH", path="CustomersV3", kind="status", status=403)
        for account_id in accounts:
            await system.change(account_id, telephone1="+48 1")
        await eventually(
            lambda: system.row("Control", "breaker", "operations"),
            lambda row: str(row.get("Refused")).startswith("update 403") and "Prober" in row,
            "one of the parked accounts probes",
        )
        (await control.delete("/faults")).raise_for_status()
        for number in numbers:
            await system.customer_with(number, PrimaryContactPhone="+48 1")
        for account_id in accounts:
            await system.phase(account_id, "synced")
        assert "Refused" not in await system.row("Control", "breaker", "operations")
    parked = {r["account_id"] for r in stand.records() if r.get("ending") == "parked"} & {*accounts}
    assert len(parked) == 3


async def test_a_host_killed_in_the_middle_of_its_work_loses_nothing(
    system: System, control: httpx.AsyncClient, stand: Stand
) -> None:
    numbers = [system.number() for _ in range(24)]  # three for each partition, a second each
    slow = {"latency_ms": {"operations": 1000}, "via": "queue"}
    (await control.post("/settings", json=slow)).raise_for_status()
    accounts = await asyncio.gather(*(system.create(number) for number in numbers))
    await eventually(lambda: _standing(control, numbers), bool, "the first customer")
    await stand.kill_host()
    try:
        assert await _standing(control, numbers) < {*numbers}
        await _let_time_pass(system, accounts)
        (await control.post("/settings", json={"latency_ms": {"operations": 0}})).raise_for_status()
    finally:
        await stand.start_host()
    for number, account_id in zip(numbers, accounts, strict=True):
        await system.customer_with(number, SalesCurrencyCode="EUR", OrganizationName=f"Test {number}")
        await system.settled(account_id)


async def _standing(control: httpx.AsyncClient, numbers: list[str]) -> set[str]:
    """Which of these customers Operations has, asked without its latency."""
    state = (await control.get("/state", params={"system": "operations"})).raise_for_status().json()
    return {row["CustomerAccount"] for row in state["operations"]["customers"]} & {*numbers}


async def _let_time_pass(system: System, accounts: list[str]) -> None:
    """As if the minute had passed after which the dead host's locks and leases are nobody's any more."""
    async with httpx.AsyncClient(base_url=system.places.servicebus_control) as broker:
        for queue in ("dataverse-events", "account-changes"):
            (await broker.post("/expire-locks", json={"queue": queue})).raise_for_status()
    table = system.tables.get_table_client("AccountSync")
    for account_id in accounts:
        state = dict(await system.state(account_id))
        if "LeaseUntil" in state:
            await table.update_entity(state | {"LeaseUntil": datetime.now(UTC).isoformat()})
