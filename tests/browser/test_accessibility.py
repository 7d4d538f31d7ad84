"""Each page for everybody: axe-core finds nothing, keyboard, 360 pixels, no script."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from local.console.scene import FIRST
from tests.browser.conftest import OpenPage, Scene

AXE = Path(__file__).parents[2] / "local/node_modules/axe-core/axe.min.js"
PAGES = ("/", "/issues", "/accounts", "/account?id=Contoso", f"/account?id={FIRST}", "/mapping", "/systems")
NARROW = {"width": 360, "height": 740}


async def findings(page: Page) -> list[str]:
    """What axe-core finds on the page as it is now."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))  # the page's policy stays in force
    found = await page.evaluate("axe.run()")
    return [
        f"{page.url}: {rule['id']} {json.dumps([node['html'] for node in rule['nodes']])}"
        for rule in found["violations"]
    ]


def addresses(scene: Scene) -> list[str]:
    """The pages, with the ids of the accounts in place of their names."""
    paths = (path.partition("?id=") for path in PAGES)
    return [scene.address(path + (f"?id={scene.accounts[name]}" if name else "")) for path, _, name in paths]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scene: Scene, open_page: OpenPage, scheme: str) -> None:
    page = await open_page("administrator", color_scheme=scheme)
    found = list[str]()
    for address in addresses(scene):
        await page.goto(address)
        found += await findings(page)
    for start, button in (
        (addresses(scene)[3], "Unlink…"),
        (addresses(scene)[3], "Check again…"),
        (scene.address("/issues"), "Add the code…"),
        (scene.address("/systems"), "Pause… Sales"),
    ):
        await page.goto(start)
        await page.get_by_role("button", name=button).first.click()
        found += await findings(page)
    assert found == []


async def test_axe_finds_nothing_on_what_readers_see(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page("reader")
    found = list[str]()
    for address in addresses(scene):
        if not address.endswith("/mapping"):  # not theirs
            await page.goto(address)
            found += await findings(page)
    assert found == []


async def test_no_page_scrolls_sideways_on_a_telephone(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page("administrator", viewport=NARROW)
    for address in addresses(scene):
        await page.goto(address)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, address


async def test_the_keyboard_alone_reaches_the_content_and_the_pages(
    scene: Scene, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.goto(scene.address("/issues"))  # another page: focus begins anew
    for _ in range(4):
        await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Accounts", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Accounts · Account Sync")


async def test_everything_can_be_read_and_done_without_a_script(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page(java_script_enabled=False)
    for address in addresses(scene):
        answer = await page.goto(address)
        assert answer is not None
        assert answer.status == 200
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.goto(scene.address("/accounts"))
    await page.get_by_label("Account number").fill("Contoso")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Contoso")


async def test_the_overview_reads_again_in_place(open_page: OpenPage) -> None:
    page = await open_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.resource_type))
    heading = page.get_by_role("heading", level=1)
    await heading.evaluate("heading => { heading.textContent = 'of before' }")
    await page.get_by_role("link", name="rejected").focus()
    await page.evaluate("document.body.dispatchEvent(new Event('refresh'))")  # as the timer does
    await expect(heading).not_to_have_text("of before")
    await expect(page.get_by_role("link", name="rejected")).to_be_focused()
    assert requests.count("fetch") + requests.count("xhr") == 1
    assert await page.locator("#live").count() == 1
