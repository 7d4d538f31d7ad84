"""Each page for everybody: axe-core finds nothing, keyboard, small and enlarged, no script."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from local.console.scene import FIRST
from shared.console.app import PAGES as WEB_PAGES
from tests.browser.conftest import HEIGHT, WIDTH, OpenPage, Scene

AXE = Path(__file__).parents[2] / "local/node_modules/axe-core/axe.min.js"
ACCOUNTS = (FIRST, "Contoso")  # one that is parked, one that arrived
PAGES = (
    *(
        "/",
        "/issues",
        "/issues?cause=UnmappedCurrency",
        "/accounts",
        "/mapping",
        "/runs",
        "/systems",
        "/set-up",
    ),
    *(f"/account?id={name}" for name in ACCOUNTS),
)
OF_READERS = ("/", "/issues", "/runs", "/systems", "/set-up", f"/account?id={FIRST}")  # other than operators'
# Pages that answer a form: where the button is, the tick that it needs, and its name.
STEPS = (
    (f"/account?id={ACCOUNTS[1]}", "", "Unlink…"),
    (f"/account?id={ACCOUNTS[1]}", "", "Check again…"),
    ("/issues", "", "Add the code…"),
    ("/issues", "Fourth Coffee", "Mark the chosen as seen…"),
    ("/systems", "", "Pause… Sales"),
    ("/runs", "", "Count them…"),
    ("/runs", "", "Compare both systems…"),
)
# Width, height and the browser's size of letters: a telephone; a zoom of 200 %, which halves the window; and
# letters twice as large.
SIZES = {"telephone": (360, 740, 16), "zoom": (WIDTH // 2, HEIGHT // 2, 16), "letters": (WIDTH, HEIGHT, 32)}
OUT_OF_REACH = Path(__file__).with_name("out_of_reach.js")


async def findings(page: Page) -> list[str]:
    """What axe-core finds on the page as it is now: all its rules in light, those of colours in dark too.

    The size of targets, of WCAG 2.2, is not among its rules unless it is asked for.
    """
    await page.evaluate(AXE.read_text(encoding="utf-8"))  # the page's policy stays in force
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")  # no colour is on its way
    found = await page.evaluate("axe.run({rules: {'target-size': {enabled: true}}})")
    await page.emulate_media(color_scheme="dark")
    dark = await page.evaluate("axe.run({runOnly: ['color-contrast', 'link-in-text-block']})")
    await page.emulate_media(color_scheme="light")
    return [
        f"{page.url} {scheme}: {rule['id']} {json.dumps([node['html'] for node in rule['nodes']])}"
        for scheme, result in (("light", found), ("dark", dark))
        for rule in result["violations"]
    ]


def address(scene: Scene, path: str) -> str:
    """The page, with the id of its account in place of the name."""
    path, _, name = path.partition("?id=")
    return scene.address(path + (f"?id={scene.accounts[name]}" if name else ""))


def test_every_page_is_looked_at() -> None:
    pages = {page.path for page in WEB_PAGES if page.method == "GET" and "." not in page.path}
    of_a_run = {"/runs/load", "/runs/comparison", "/done"}  # in the tests of what people do
    assert pages - {path.partition("?")[0] for path in PAGES} == of_a_run


@pytest.mark.parametrize("path", PAGES)
async def test_axe_finds_nothing(scene: Scene, open_page: OpenPage, path: str) -> None:
    page = await open_page("administrator", color_scheme="light")
    await page.goto(address(scene, path))
    assert await findings(page) == []


@pytest.mark.parametrize(("path", "choose", "button"), STEPS, ids=[button for *_, button in STEPS])
async def test_axe_finds_nothing_on_what_a_button_asks(
    scene: Scene, open_page: OpenPage, path: str, choose: str, button: str
) -> None:
    page = await open_page("administrator", color_scheme="light")
    await page.goto(address(scene, path))
    before = page.url
    if choose:
        await page.get_by_label(f"Choose {choose}").check()
    form = page.locator("section", has_text=choose) if choose else page
    await form.get_by_role("button", name=button).first.click()
    await expect(page).not_to_have_url(before)
    assert await findings(page) == []


async def as_if_allowed(route: Route) -> None:
    """Give the browser a refusal without its status, which it would complain of."""
    await route.fulfill(response=await route.fetch(), status=200)


async def test_axe_finds_nothing_on_what_readers_see(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page("reader")
    found = list[str]()
    await page.route(scene.address("/mapping"), as_if_allowed)
    for path in (*OF_READERS, "/mapping"):
        await page.goto(address(scene, path))
        found += await findings(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
    assert found == []


async def test_every_page_is_read_and_used_at_every_size(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page("administrator")
    browser = await page.context.new_cdp_session(page)
    out_of_reach = OUT_OF_REACH.read_text(encoding="utf-8")
    found = list[str]()
    for path in PAGES:
        await page.goto(address(scene, path))
        for name, (width, height, font) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            await browser.send("Page.setFontSizes", {"fontSizes": {"standard": font, "fixed": font - 3}})
            assert await page.evaluate("getComputedStyle(document.body).fontSize") == f"{font}px"
            found += [f"{path} {name} {one}" for one in await page.evaluate(out_of_reach, width < 400)]
    assert not found, "\n".join(found)


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
    for path in PAGES:
        answer = await page.goto(address(scene, path))
        assert answer is not None
        assert answer.status == 200
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.goto(scene.address("/accounts"))
    await page.get_by_label("Account number").fill("Contoso")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Contoso")


async def test_the_overview_reads_again_in_place_while_it_is_looked_at(open_page: OpenPage) -> None:
    page = await open_page()
    await page.clock.install()
    await page.reload()
    reads: list[str] = []
    page.on(
        "request", lambda request: reads.append(request.url) if request.resource_type == "fetch" else None
    )
    heading = page.get_by_role("heading", level=1)
    await heading.evaluate("heading => { heading.textContent = 'of before' }")
    await page.get_by_role("link", name="rejected").focus()
    for state in ("hidden", "visible"):
        assert reads == []
        await page.evaluate(
            "value => Object.defineProperty(document, 'visibilityState', {value, configurable: true})", state
        )
        await page.clock.run_for(31_000)
    await expect(heading).not_to_have_text("of before")
    await expect(page.get_by_role("link", name="rejected")).to_be_focused()
    assert len(reads) == 1
    assert await page.locator("#live").count() == 1
