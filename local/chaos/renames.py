"""People who rename a customer in the ERP, and then give the account in Sales the new number."""

import asyncio
from dataclasses import dataclass

import httpx
from azure.data.tables.aio import TableClient

from local.chaos.plan import Step
from local.chaos.sales import TRIES, Sales
from local.chaos.standing import OPEN, Row
from local.stand import Stand

MARK = "R"  # at the end of a number


@dataclass(slots=True)
class Renames:
    """Renames customers whose accounts are at rest; `done` counts them."""

    stand: Stand
    sales: Sales
    done: int = 0

    async def take(self, wanted: int) -> None:
        """Rename the customer of this account, or of the next one that is at rest. Raises httpx.HTTPError."""
        resting = await self._resting()
        if not resting:
            return
        account = min(resting, key=lambda number: (number < wanted, number))
        before = resting[account]
        after = before.removesuffix(MARK) if before.endswith(MARK) else f"{before}{MARK}"
        if await self._rename(before, after):
            self.done += 1
            await self.sales.take(Step("change", account, {"accountnumber": after}))

    async def _resting(self) -> dict[int, str]:
        """The numbers of the customers whose accounts are there and on which nobody works, by account."""
        tables = self.stand.addresses.tables
        async with TableClient.from_connection_string(tables, "AccountSync") as table:
            states = {row["PartitionKey"]: row async for row in table.list_entities()}
        return {
            account: str(state["CustomerAccount"])
            for account, written in self.sales.accounts.items()
            if not written.deleted and rests(state := states.get(written.id, {}))
        }

    async def _rename(self, before: str, after: str) -> bool:
        """Try until it is done; False if the number is another customer's, or the customer is gone."""
        erp, addresses = self.stand.options.erp, self.stand.addresses
        assert erp.rename is not None
        async with erp.client(addresses.erp, addresses.token) as client:
            for attempt in range(TRIES):
                customers = {row[erp.fields.number]: row for row in await self._customers()}
                if before not in customers or after in customers:
                    return attempt > 0 and before not in customers and after in customers
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


def rests(state: Row) -> bool:
    """Whether the account has its customer, and nothing that was sent is without an answer."""
    return state.get("Phase") == "synced" and not any(name in state for name in OPEN)
