"""Changes whose events Sales never posts are found, deletions too, also after the link expired."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.stand import Stand
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.operator import run_timer, running_with
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually

MARGIN = {"TRANSACTION_MARGIN_SECONDS": "1"}


@pytest.fixture
async def accountsync(stand: Stand) -> AsyncIterator[CommandLine]:
    async with running_with(stand, MARGIN):
        yield CommandLine(stand.settings_file)


@dataclass(frozen=True, slots=True)
class Company:
    """Three accounts that are written; what happens to them then makes no event."""

    system: System
    control: httpx.AsyncClient
    numbers: tuple[str, str, str]
    ids: tuple[str, str, str]

    async def change_delete_and_create(self, phone: str) -> str:
        """Change the first, delete the second, and create one more, whose number is returned."""
        (await self.control.post("/events/hold", json={})).raise_for_status()
        await self.system.change(self.ids[0], telephone1=phone)
        await self.system.delete(self.ids[1])
        await self.system.create(number := self.system.number())
        (await self.control.delete("/events")).raise_for_status()
        (await self.control.post("/events/release", json={})).raise_for_status()
        return number

    async def is_found(self, phone: str, created: str) -> None:
        await self.system.customer_with(self.numbers[0], PrimaryContactPhone=phone)
        await self.system.phase(self.ids[1], "deleted")
        await self.system.customer_with(self.numbers[1], OnHoldStatus="All")
        await self.system.customer_with(created, SalesCurrencyCode="EUR")
        assert (await self.system.log(self.ids[0]))[-1].source == "catch-up"


async def company(system: System, control: httpx.AsyncClient) -> Company:
    numbers = (system.number(), system.number(), system.number())
    first, second, third = [await system.create(number) for number in numbers]
    for account_id in (first, second, third):
        await system.settled(account_id)
    return Company(system, control, numbers, (first, second, third))


async def caught_up(system: System, accountsync: CommandLine) -> dict[str, Any]:
    """Ask for a pass, let the timer run, and give what the command prints."""
    command = asyncio.ensure_future(accountsync("catch-up", "--json"))

    async def ran() -> bool:
        await run_timer(system.app, system.places.function_key, "catch_up")
        return command.done()

    await eventually(ran, bool, "the pass that was asked for")
    return (await command).json


async def test_what_sales_never_posted_is_found_also_after_the_link_expired(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    (await control.post("/settings", json={"track_changes": True})).raise_for_status()
    await caught_up(system, accountsync)
    for expired in (False, True):
        here = await company(system, control)
        before = await system.log(here.ids[2])
        created = await here.change_delete_and_create("+49 30 1")
        (await control.post("/settings", json={"expire_delta_links": expired})).raise_for_status()
        found = (await accountsync("catch-up", "--dry-run", "--json")).json
        assert (found["checks"] >= 3, found["deletions"] >= 1, found["whole"]) == (True, True, True)
        assert await system.customer(created) is None, "a dry run sends nothing"
        found = await caught_up(system, accountsync)
        assert found["pass"] == ("deletions" if expired else "changes")
        assert (found["checks"] >= 3, found["trouble"]) == (True, "")
        await here.is_found("+49 30 1", created)
        assert await system.log(here.ids[2]) == before, "the third account was up to date"
    await eventually(
        lambda: caught_up(system, accountsync), lambda found: found["checks"] == 0, "nothing is left to check"
    )


async def test_where_change_tracking_is_off_it_says_that_no_deletion_is_found(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    try:
        (await control.post("/settings", json={"track_changes": False})).raise_for_status()
        here = await company(system, control)
        await caught_up(system, accountsync)
        created = await here.change_delete_and_create("+49 30 2")
        found = await caught_up(system, accountsync)
        assert (found["pass"], found["finds_deletions"]) == ("modified", False)
        await system.customer_with(here.numbers[0], PrimaryContactPhone="+49 30 2")
        await system.customer_with(created, SalesCurrencyCode="EUR")
        printed = await accountsync("catch-up", "--dry-run")
        assert "Track changes" in printed.out
    finally:
        (await control.post("/settings", json={"track_changes": True})).raise_for_status()
