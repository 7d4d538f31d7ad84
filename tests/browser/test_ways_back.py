"""What people do to bring back what went wrong; the last file: its many accounts are in nobody's way."""

from uuid import UUID, uuid4

import httpx
import pytest
from azure.data.tables.aio import TableServiceClient
from playwright.async_api import Page, expect

from shared.model.action import OperatorAction
from shared.storage.actions import ActionTable
from tests.browser.conftest import OpenPage, Scene
from tests.browser.person import add_code, change_code, code, confirm, done, go, press, row
from tests.browser.test_accessibility import as_if_allowed, findings
from tests.end_to_end.operator import dead_letter
from tests.end_to_end.waiting import eventually

ADMIN = "administrator"
MANY, RUFIYAA = 101, "Maldivian Rufiyaa"  # Sales has the currency, the table does not


@pytest.fixture(scope="module", autouse=True)
async def many(scene: Scene) -> None:
    """Create many accounts that are parked for one currency; the first tests run while they are."""
    currency = {"currencyname": RUFIYAA, "isocurrencycode": "MVR", "transactioncurrencyid": str(uuid4())}
    bind = f"/transactioncurrencies({currency['transactioncurrencyid']})"
    accounts = [
        {"name": f"Atoll {one}", "accountnumber": f"M-{one}", "transactioncurrencyid@odata.bind": bind}
        for one in range(MANY)
    ]
    rows = {"transactioncurrencies": [currency], "accounts": accounts, "events": True}
    async with httpx.AsyncClient(base_url=scene.stand.addresses.control) as control:
        (await control.post("/state", json=rows)).raise_for_status()


async def parked(scene: Scene) -> set[str]:
    """The accounts that are parked for that currency."""
    async with TableServiceClient.from_connection_string(scene.stand.addresses.tables) as service:
        query = f"PartitionKey eq 'UnmappedCurrency|{RUFIYAA.lower()}'"
        return {one["RowKey"] async for one in service.get_table_client("Issues").query_entities(query)}


async def newest(scene: Scene) -> OperatorAction:
    async with TableServiceClient.from_connection_string(scene.stand.addresses.tables) as service:
        (found,) = await ActionTable(service.get_table_client("Control")).newest(1)
        return found


async def test_a_dead_letter_is_sent_again(scene: Scene, open_page: OpenPage) -> None:
    account = scene.accounts["Contoso"]
    organization = (await row(scene, "AccountSync", account, "state"))["OrganizationId"]
    await dead_letter(scene.stand, UUID(account), UUID(organization))
    page = await open_page(ADMIN)
    await go(page, "Systems")
    letters = page.get_by_role("group", name="Checks that failed for good")
    await expect(letters.get_by_role("row").filter(has_text="given-up")).to_have_count(1)
    await letters.get_by_role("checkbox").check()
    await page.locator("form").filter(has=letters).get_by_role("button").click()
    await page.get_by_label("Why").fill("after the outage")
    await press(page, "Send 1 message")
    await done(page, "Sent again", "after the outage")
    await expect(letters).to_have_count(0)

    async def log() -> str:
        return (await row(scene, "AccountSync", account, "state"))["Log"]

    await eventually(log, lambda found: "resubmitted by" in found, "the account is checked")


async def test_a_table_goes_back_to_an_earlier_state(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page()
    await go(page, "Mapping tables")
    await add_code(page, "Test Guilder", "EUR")
    await confirm(page, "Add the code")
    await change_code(page, "Test Guilder", "GBP")
    await confirm(page, "Change the code")
    assert await code(scene, "Test Guilder") == "GBP"
    await press(page, "Back to this state… Test Guilder: no row → EUR")
    change = page.get_by_role("row").filter(has_text="Test Guilder")
    await expect(change.locator(".was")).to_have_text("GBP")
    await expect(change.locator(".becomes")).to_have_text("EUR")
    assert await code(scene, "Test Guilder") == "GBP"
    await page.get_by_label("Why").fill("as it was agreed")
    await press(page, "Restore")
    await done(page, "Currency mapping restored", "as it was agreed")
    assert await code(scene, "Test Guilder") == "EUR"
    await go(page, "Mapping tables")
    await expect(page.get_by_text("Test Guilder: GBP → EUR").first).to_be_visible()


async def test_more_than_a_hundred_accounts_are_checked_after_their_number_was_typed(
    scene: Scene, open_page: OpenPage
) -> None:
    async def known() -> set[str]:
        return await parked(scene)

    accounts = await eventually(known, lambda found: len(found) == MANY, "all are parked")
    before = await newest(scene)
    operator = await open_page()
    await operator.route(scene.address("/replay"), as_if_allowed)
    await check_all(operator)
    await expect(operator.get_by_role("heading", level=1)).to_have_text("You may not do this")
    await expect(operator.get_by_text("More than 100 accounts at once need")).to_be_visible()

    page = await open_page(ADMIN)
    await check_all(page)
    await expect(page.get_by_text("the first 10 of 101 accounts only")).to_be_visible()
    await page.get_by_label("Number of accounts, to confirm").fill("100")
    await press(page, "Check 101 accounts")
    await expect(page.get_by_text("Type 101 to confirm the number of accounts.")).to_be_visible()
    assert await findings(page) == []
    assert await newest(scene) == before
    await page.get_by_label("Number of accounts, to confirm").fill("101")
    await page.get_by_label("Why").fill("asked treasury")
    await press(page, "Check 101 accounts")
    await done(page, "Checked again", "asked treasury")
    action = await newest(scene)
    assert (action.what, action.count, action.why) == ("replay", MANY, "asked treasury")
    assert set(action.ids) == accounts

    async def log() -> str:
        return (await row(scene, "AccountSync", action.ids[0], "state"))["Log"]

    await eventually(log, lambda found: "asked treasury" in found, "the first account is checked again")


async def check_all(page: Page) -> None:
    await go(page, "Issues")
    group = page.get_by_role("region", name=f"The currency “{RUFIYAA}” has no code in Operations")
    await group.get_by_role("button", name="Check all 101 again…").click()
