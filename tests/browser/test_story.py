"""A finance operator finds out why an account did not arrive, adds its currency's code, and sees it arrive.

Only what the page itself says is used: visible labels, no address, no documentation.
"""

from playwright.async_api import Page, expect

from local.console.scene import FIRST
from local.demo.seed import run_timers
from tests.browser.conftest import OpenPage, Scene
from tests.end_to_end.waiting import eventually


async def find(page: Page, text: str) -> None:
    await page.get_by_role("link", name="Accounts", exact=True).click()
    await page.get_by_label("Account number").fill(text)
    await page.get_by_role("button", name="Search").click()


async def test_the_account_arrives(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page()
    heading = page.get_by_role("heading", level=1)
    await find(page, FIRST)
    await expect(heading).to_contain_text("parked")
    await expect(page.get_by_text("has no code in Operations").first).to_be_visible()
    await expect(page.get_by_label("Code of “Bhutanese Ngultrum” in Operations")).to_have_value("BTN")
    await page.get_by_role("button", name="Add the code…").click()

    await expect(page.get_by_text("3 parked accounts go on")).to_be_visible()
    await page.get_by_label("Why").fill("asked treasury")
    await page.get_by_role("button", name="Add the code", exact=True).click()
    await expect(heading).to_have_text("Currency mapping changed")

    async def shown() -> str:
        await find(page, FIRST)
        return await heading.inner_text()

    await run_timers(scene.stand)  # what the app does by itself once a minute
    await eventually(shown, lambda text: "in step" in text, "the account arrives")
    await expect(page.get_by_text("Customer usmf/C-1007")).to_be_visible()

    await page.get_by_role("link", name="Systems").click()
    row = page.get_by_role("row").filter(has_text="asked treasury")
    await expect(row).to_contain_text("Currency mapping changed")
    await expect(row).to_contain_text("you")
