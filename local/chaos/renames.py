"""People who rename a customer in the ERP, and then give the account in Sales the new number."""

import asyncio
from dataclasses import dataclass

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient

from local.chaos.plan import Step
from local.chaos.sales import TRIES, Sales
from local.chaos.standing import OPEN, Row
from local.stand import Stand


@dataclass(slots=True)
class Renames:
    """Renames customers that are at rest; `done` counts them."""

    stand: Stand
    sales: Sales
    done: int = 0

    async def take(self, account: int) -> None:
        """Rename the account's customer, unless its creation is not over. Raises httpx.HTTPError."""
        written = self.sales.accounts[account]
        before = await self._number(written.id)
        if before is None or written.deleted:
            return
        after = f"{before.removesuffix('R')}R" if not before.endswith("R") else before.removesuffix("R")
        if await self._rename(before, after):
            self.done += 1
            await self.sales.take(Step("change", account, {"accountnumber": after}))

    async def _number(self, account_id: str) -> str | None:
        """The number of the account's customer; None while the app is at work on the account."""
        tables = self.stand.addresses.tables
        async with TableClient.from_connection_string(tables, "AccountSync") as table:
            try:
                state = await table.get_entity(account_id, "state")
            except ResourceNotFoundError:
                return None
        resting = state.get("Phase") == "synced" and not any(name in state for name in OPEN)
        return str(state["CustomerAccount"]) if resting and "CustomerAccount" in state else None

    async def _rename(self, before: str, after: str) -> bool:
        """Try until it is done; False if the new number is another customer's, or the customer is gone."""
        erp, addresses = self.stand.options.erp, self.stand.addresses
        assert erp.rename is not None
        async with erp.client(addresses.erp, addresses.token) as client:
            for _ in range(TRIES):
                customers = {row[erp.fields.number]: row for row in await self._customers()}
                if before not in customers or after in customers:
                    return before not in customers and after in customers
                try:
                    await erp.rename(client, customers[before], after)
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
        return False

    async def _customers(self) -> list[Row]:
        """All customers, past the faults."""
        target = self.stand.options.erp.target
        state = await self.sales.control.get("/state", params={"system": target})
        return state.raise_for_status().json()[target]["customers"]
