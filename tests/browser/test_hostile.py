"""Hostile texts in account, mapping and event are shown as texts by a real browser."""

import httpx
from azure.data.tables.aio import TableServiceClient
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, Scene
from tests.end_to_end.waiting import eventually

HOSTILE = "<img src=x onerror=alert(1)>\"'&<script>alert(2)</script>{{7*7}}"


async def note(page: Page, scene: Scene, account_id: str) -> None:
    """Mark the account as seen with a hostile note, which is kept in the list of actions too."""
    await page.goto(scene.address(f"/account?id={account_id}"))
    await page.get_by_role("button", name="Mark as seen…").click()
    await page.get_by_label("Note").fill(f"{HOSTILE} note")
    await page.get_by_role("button", name="Mark as seen", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Marked as seen")


async def test_hostile_texts_run_nothing(scene: Scene, open_page: OpenPage) -> None:
    here = scene.stand.addresses
    async with TableServiceClient.from_connection_string(here.tables) as service:
        row = {"PartitionKey": "currency", "RowKey": "hostile", "CurrencyCRM": HOSTILE, "CurrencyAX": "<b>"}
        await service.get_table_client("CurrencyMapping").upsert_entity(row | {"UpdatedBy": HOSTILE})
    headers = {"Authorization": f"Bearer {here.token}", "Prefer": "return=representation"}
    async with httpx.AsyncClient(base_url=f"{here.dataverse}/api/data/v9.2", headers=headers) as sales:
        body = {"name": HOSTILE, "address1_city": HOSTILE}  # parked: it has no number
        created = (await sales.post("/accounts", json=body)).raise_for_status().json()
    async with httpx.AsyncClient(base_url=here.functions) as app:
        key = {"x-functions-key": here.function_key, "Content-Type": "text/plain"}
        await app.post("/api/dataverse/events", content=HOSTILE, headers=key)

    page = await open_page("administrator")

    async def account() -> str:
        await page.goto(scene.address(f"/account?id={created['accountid']}"))
        return await page.locator("main").inner_text()

    await eventually(account, lambda text: HOSTILE in text and "parked" in text, "the account is parked")
    for path in ("/", "/issues", "/mapping"):
        await page.goto(scene.address(path))
        await expect(page.locator("main")).to_contain_text(HOSTILE)
        assert await page.locator("main img, main script").count() == 0
    await page.goto(scene.address("/systems"))
    await expect(page.locator("main")).to_contain_text("not-json")
    await note(page, scene, created["accountid"])
    for path in ("/issues", f"/account?id={created['accountid']}", "/systems"):
        await page.goto(scene.address(path))
        await expect(page.locator("main")).to_contain_text(f"{HOSTILE} note")
        assert await page.locator("main img, main script").count() == 0
    await page.goto(scene.address("/issues"))
    await page.get_by_label("Search by").fill(f"{HOSTILE} note")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
    assert await page.locator("main img, main script").count() == 0
    await page.goto(scene.address("/mapping"))
    await page.get_by_label("Currency, as Sales calls it").fill(f"{HOSTILE}2")
    await page.get_by_label("Code in Operations", exact=True).fill("<i>")
    await page.get_by_role("button", name="Add…", exact=True).click()
    await expect(page.locator("main")).to_contain_text(f"{HOSTILE}2")
