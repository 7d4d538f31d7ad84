"""What people do on the page, from the click to its effect in the tables, by visible labels only."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from azure.data.tables.aio import TableServiceClient
from playwright.async_api import FilePayload, Page, expect

from shared.model.load import LoadState, decode_load
from shared.model.page import RunKind
from shared.model.reconciliation import (
    Difference,
    Kind,
    Reconciliation,
    RunState,
    decode_run,
    encode_run,
)
from shared.storage.findings import DifferenceTable
from shared.storage.runs import RunTable
from tests.browser.conftest import OpenPage, Scene
from tests.browser.person import add_code, change_code, code, confirm, done, go, press, row
from tests.browser.test_accessibility import findings
from tests.end_to_end.operator import application, run_timer
from tests.end_to_end.waiting import eventually

ADMIN = "administrator"


async def find(page: Page, name: str) -> None:
    await go(page, "Accounts")
    await page.get_by_label("Account number").fill(name)
    await press(page, "Search")


@asynccontextmanager
async def customers(scene: Scene, number: str) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    here = scene.stand.addresses
    headers, params = {"Authorization": f"Bearer {here.token}"}, {"cross-company": "true"}
    async with httpx.AsyncClient(base_url=f"{here.erp}/data", headers=headers, params=params) as erp:
        yield erp, f"/CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')"


async def by_hand(scene: Scene, number: str, **values: str) -> None:
    """Change a customer as somebody in the ERP does."""
    async with customers(scene, number) as (erp, path):
        (await erp.patch(path, json=values)).raise_for_status()


async def city(scene: Scene, number: str) -> str:
    async with customers(scene, number) as (erp, path):
        return (await erp.get(path)).raise_for_status().json()["AddressCity"]


async def test_a_system_is_paused_and_resumed(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page(ADMIN)
    await go(page, "Systems")
    await press(page, "Pause… Sales")
    await page.get_by_label("Why").fill("maintenance")
    await press(page, "Pause Sales")
    await done(page, "Paused", "maintenance")
    assert (await row(scene, "Control", "breaker", "dataverse"))["PausedBy"]
    await press(page, "Resume… Sales")
    await press(page, "Resume Sales")
    await done(page, "Resumed")
    assert not (await row(scene, "Control", "breaker", "dataverse")).get("PausedBy")


async def test_issues_are_downloaded_and_one_is_marked_as_seen(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page()
    await go(page, "Issues")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download all").click()
    assert (await download.value).suggested_filename == "parked-accounts.xlsx"
    await page.get_by_label("Search by").fill("fourth")
    await press(page, "Show")
    await expect(page.get_by_role("heading", level=1)).to_have_text("1 parked account has “fourth”")
    await page.get_by_label(re.compile("Choose Fourth Coffee|Choose .*Fourth Coffee")).check()
    await press(page, "Mark the chosen as seen…")
    await page.get_by_label("Note").fill("asked sales for the number")
    await press(page, "Mark as seen")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Marked as seen")
    assert await findings(page) == []
    await done(page, "Marked as seen", "asked sales for the number")
    stored = await row(scene, "Issues", "NoAccountNumber", scene.accounts["Fourth Coffee"])
    assert stored["Note"] == "asked sales for the number"
    await go(page, "Issues")
    await expect(page.get_by_role("row").filter(has_text="Fourth Coffee")).to_contain_text("asked sales")
    reader = await open_page("reader", "/issues")
    await expect(reader.locator("main")).not_to_contain_text("asked sales")


async def test_accounts_are_checked_again_after_the_effect_was_shown(
    scene: Scene, open_page: OpenPage
) -> None:
    page = await open_page()
    await by_hand(scene, "C-1001", AddressCity="Rome")
    await find(page, "Contoso")
    await press(page, "Check again…")
    changed = page.get_by_role("row").filter(has_text="AddressCity")
    await expect(changed.locator(".was")).to_have_text("Rome")
    await expect(changed.locator(".becomes")).to_have_text("Vienna")
    await page.get_by_label("Why").fill("changed by hand")
    await press(page, "Check 1 account")
    await done(page, "Checked again", "changed by hand")
    await eventually(lambda: city(scene, "C-1001"), "Vienna".__eq__, "the check writes the value of Sales")
    assert "changed by hand" in (await row(scene, "AccountSync", scene.accounts["Contoso"], "state"))["Log"]


async def test_an_account_is_unlinked(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page(ADMIN)
    account = scene.accounts["Litware"]
    await find(page, "Litware")
    await press(page, "Unlink…")
    await page.get_by_label("Why").fill("wrong customer")
    await press(page, "Unlink the account")
    await done(page, "Unlinked", "wrong customer")
    log = (await row(scene, "AccountSync", account, "state"))["Log"]
    assert "unlinked" in log
    assert "wrong customer" in log


async def load_of(scene: Scene) -> Any:
    return decode_load((await row(scene, "Control", "run", "load"))["Document"])


async def test_a_first_load_is_started_paused_resumed_and_cancelled(
    scene: Scene, open_page: OpenPage
) -> None:
    page = await open_page(ADMIN)
    await go(page, "Runs")
    await page.get_by_label("At most so many checks a minute").fill("1")
    await press(page, "Count them…")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("A first load of")
    await page.get_by_label("Customers that it may create").fill("3")
    await page.get_by_label("Why").fill("go-live")
    await press(page, "Start the load")
    await done(page, "First load started", "go-live")
    started = await load_of(scene)
    assert (started.state, started.rate, started.max_creates) == (LoadState.RUNNING, 1, 3)
    await go(page, "Overview")
    await expect(page.get_by_role("heading", name="In progress")).to_be_visible()

    await go(page, "Runs")
    await press(page, "Pause…")
    await press(page, "Pause the load")
    await done(page, "First load paused")
    assert (await load_of(scene)).state is LoadState.PAUSED
    await go(page, "Runs")
    await expect(page.get_by_text("paused by you")).to_be_visible()
    await press(page, "Resume…")
    assert await findings(page) == []
    await page.get_by_label("At most so many checks a minute").fill("2")
    await press(page, "Resume the load")
    await done(page, "First load resumed")
    resumed = await load_of(scene)
    assert (resumed.state, resumed.rate) == (LoadState.RUNNING, 2)
    await go(page, "Runs")
    await press(page, "Cancel the load…")
    await press(page, "Cancel the load")
    await done(page, "First load cancelled")
    assert (await load_of(scene)).state is LoadState.CANCELLED


async def test_a_first_load_is_watched_to_its_end_and_reported(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page(ADMIN)
    await go(page, "Runs")
    await page.get_by_label("At most so many accounts").fill("4")
    await press(page, "Count them…")
    await press(page, "Start the load")
    await done(page, "First load started")
    await go(page, "Runs")

    async def state() -> str:
        await page.evaluate("document.body.dispatchEvent(new Event('refresh'))")  # as the timer does
        return await page.get_by_role("heading", name="First load", exact=False).first.inner_text()

    await eventually(state, lambda text: "done" in text, "the load ends", within=60)
    assert (await load_of(scene)).sent == 4
    await page.get_by_role("link", name="How its checks ended").click()
    await expect(page.get_by_role("table")).to_be_visible()
    assert await findings(page) == []
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download each account").click()
    assert (await download.value).suggested_filename == "first-load.xlsx"


async def run_of(scene: Scene) -> Any:
    return decode_run((await row(scene, "Control", "run", "reconcile"))["Document"])


async def test_a_comparison_is_cancelled(scene: Scene, open_page: OpenPage) -> None:
    await _let_a_comparison_wait(scene)
    page = await open_page(ADMIN)
    await go(page, "Runs")
    await press(page, "Cancel the comparison…")
    await press(page, "Cancel the comparison")
    await done(page, "Comparison cancelled")
    assert (await run_of(scene)).state is RunState.CANCELLED


async def _let_a_comparison_wait(scene: Scene) -> None:
    """Store a run whose first page was not sent, so that it does not end before it is cancelled."""
    now = datetime.now(UTC)
    run = Reconciliation(id=f"{now:%Y%m%dT%H%M%S}-waits", by="a person", started_at=now, changed_at=now)
    async with TableServiceClient.from_connection_string(scene.stand.addresses.tables) as service:
        runs = RunTable(service.get_table_client("Control"))
        stored = await runs.read(RunKind.RECONCILE)
        await runs.write(RunKind.RECONCILE, encode_run(run), stored.etag if stored else None)


async def test_what_a_comparison_found_is_put_right(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page(ADMIN)
    await go(page, "Runs")
    await press(page, "Compare both systems…")
    await press(page, "Compare both systems")
    await done(page, "Comparison started")

    async def ended() -> Any:
        return await run_of(scene)

    run = await eventually(ended, lambda run: run.state is RunState.DONE, "the comparison ends")
    await by_hand(scene, "C-1002", AddressCity="Rome")
    await plant(scene, run, Difference(UUID(scene.accounts["Fabrikam"]), Kind.DIFFERENT, ("AddressCity",)))
    await go(page, "Runs")
    await page.get_by_role("link", name="Show what it found").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("1 difference")
    assert await findings(page) == []
    await page.get_by_label(re.compile("Choose .*Fabrikam")).check()
    await press(page, "Check the chosen…")
    await expect(page.locator(".was")).to_have_text("Rome")
    await expect(page.locator(".becomes")).to_have_text("Vienna")
    assert await findings(page) == []
    await page.get_by_label("Why").fill("put right")
    await press(page, "Check 1 account")
    await done(page, "Differences checked", "put right")
    await eventually(lambda: city(scene, "C-1002"), "Vienna".__eq__, "the check writes the value of Sales")


async def plant(scene: Scene, run: Any, difference: Difference) -> None:
    """Keep a difference as the run does with accounts that nobody changed for ten minutes."""
    async with application(scene.stand) as app:
        control = app.clients.tables.get_table_client("Control")
        await DifferenceTable(control).keep(run.id, [difference])
        stored = await app.ports.runs.read(RunKind.RECONCILE)
        assert stored is not None
        found = replace(run, found={str(difference.kind): 1}, kept=1)
        await app.ports.runs.write(RunKind.RECONCILE, encode_run(found), stored.etag)


async def test_a_rejected_event_is_sent_again(scene: Scene, open_page: OpenPage) -> None:
    here = scene.stand.addresses
    async with httpx.AsyncClient(base_url=here.functions) as app:
        key = {"x-functions-key": here.function_key, "Content-Type": "text/plain"}
        await app.post("/api/dataverse/events", content="no event", headers=key)
    page = await open_page(ADMIN)
    await go(page, "Systems")
    box = page.get_by_role("checkbox").first
    number = await box.get_attribute("value")
    await box.check()
    await press(page, "Send the chosen again…")
    assert await findings(page) == []
    await page.get_by_label("Why").fill("after the correction")
    await press(page, "Send 1 message")
    await done(page, "Sent again", "after the correction")

    async def numbers() -> list[str]:
        await go(page, "Systems")
        return [await one.get_attribute("value") or "" for one in await page.get_by_role("checkbox").all()]

    def came_back(found: list[str]) -> bool:
        return bool(found) and number not in found

    await eventually(numbers, came_back, "the event is taken anew, and comes back: it is still no event")


async def test_the_mapping_is_changed_by_hand_by_file_and_undone(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page()

    await go(page, "Mapping tables")
    await add_code(page, "Test Crown", "EUR")
    await confirm(page, "Add the code")
    assert await code(scene, "Test Crown") == "EUR"
    await change_code(page, "Test Crown", "USD")
    await confirm(page, "Change the code")
    assert await code(scene, "Test Crown") == "USD"
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").click()
    content = (await (await download.value).path()).read_bytes().replace(b'n","USD"', b'n","GBP"')
    field = page.get_by_label("Excel workbook (.xlsx) or CSV")
    await field.set_input_files(FilePayload(name="new.csv", mimeType="text/csv", buffer=content))
    await press(page, "Show what it changes…")
    await confirm(page, "Take over")
    assert await code(scene, "Test Crown") == "GBP"
    await page.get_by_role("button", name="Undo…").click()
    await confirm(page, "Restore", "Currency mapping restored")
    assert await code(scene, "Test Crown") == "USD"
    await press(page, "Delete… Test Crown")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("1 change")
    await press(page, "Delete")
    await done(page, "Currency mapping changed")
    assert await code(scene, "Test Crown") is None


async def test_the_set_up_is_checked_anew(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page()
    await go(page, "Set-up")
    await page.get_by_label("Why").fill("new roles")
    await press(page, "Check now")
    await done(page, "Check of the set-up asked for", "new roles")
    asked = (await row(scene, "Control", "doctor", "newest"))["Request"]
    here = scene.stand.addresses
    async with httpx.AsyncClient(base_url=here.functions, timeout=60) as app:
        await run_timer(app, here.function_key, "doctor")

    async def answered() -> Mapping[str, Any]:
        return await row(scene, "Control", "doctor", "newest")

    await eventually(answered, lambda found: found.get("Answered") == asked, "the app makes the check")
    await go(page, "Set-up")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The set-up has no error")
    await page.get_by_text("Show what is right").click()
    await expect(page.get_by_text("A forged sign-in is refused before the page")).to_be_visible()
