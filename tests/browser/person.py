"""What a person does on any page, by visible labels only, and what the tables say then."""

from collections.abc import Mapping
from typing import Any

from azure.data.tables.aio import TableServiceClient
from playwright.async_api import Page, expect

from tests.browser.conftest import Scene


async def row(scene: Scene, table: str, partition: str, key: str) -> Mapping[str, Any]:
    async with TableServiceClient.from_connection_string(scene.stand.addresses.tables) as service:
        return await service.get_table_client(table).get_entity(partition, key)


async def code(scene: Scene, currency: str) -> str | None:
    """The code of a currency in the mapping table."""
    async with TableServiceClient.from_connection_string(scene.stand.addresses.tables) as service:
        query = f"CurrencyCRM eq '{currency}'"
        rows = service.get_table_client("CurrencyMapping").query_entities(query)
        return next(iter([one["CurrencyAX"] async for one in rows]), None)


async def go(page: Page, name: str) -> None:
    await page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def add_code(page: Page, currency: str, value: str) -> None:
    """Add a currency on the page of its table, as far as the plan."""
    await page.get_by_label("Currency, as Sales calls it").fill(currency)
    await page.get_by_label("Code in Operations", exact=True).fill(value)
    await press(page, "Add…")


async def change_code(page: Page, currency: str, value: str) -> None:
    """Change the code of a currency on the page of its table, as far as the plan."""
    await page.get_by_label(f"Code of {currency}").fill(value)
    await press(page, f"Change… {currency}")


async def confirm(page: Page, button: str, heading: str = "Currency mapping changed") -> None:
    """Confirm a plan of one change, and go back to the table."""
    await expect(page.get_by_role("heading", level=1)).to_contain_text("1 change")
    await press(page, button)
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    await go(page, "Mapping tables")


async def done(page: Page, heading: str, why: str = "") -> None:
    """The action is done, and is a row on the page Systems."""
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    await go(page, "Systems")
    actions = page.get_by_role("group", name="What people did on this page")
    newest = actions.get_by_role("row").filter(has_text=heading).first
    await expect(newest).to_contain_text("you")
    await expect(newest).to_contain_text(why)
