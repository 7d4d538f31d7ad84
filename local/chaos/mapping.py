"""The operator's part: the mapping tables as they are at first, and corrections, by plain table writes.

Healing is a timer function; it is also called by hand, as
learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http shows.
"""

from dataclasses import dataclass

import httpx
from azure.data.tables.aio import TableClient

from local.chaos import terms
from local.chaos.conditions import CURRENCIES, Currency
from local.stand import Stand


@dataclass(frozen=True, slots=True)
class Mapping:
    """The table CurrencyMapping and that of payment terms, not through the proxy."""

    stand: Stand

    async def seed(self, *, assigned: bool) -> None:
        """Fill the mapping, and the reference data of Dataverse and of the ERP."""
        async with self._table() as table:
            for currency in CURRENCIES:
                if currency.at_first:
                    await table.upsert_entity(_row(currency, currency.at_first))
        await terms.seed(self.stand)
        erp = self.stand.options.erp
        rows = {
            "transactioncurrencies": [
                {"currencyname": currency.crm, "isocurrencycode": currency.code} for currency in CURRENCIES
            ],
            erp.key: erp.reference_data(sorted({*(currency.code for currency in CURRENCIES), "SEK"})),
        }
        events = {"via": "queue", "retry_first_seconds": 0.3, "retry_cap_seconds": 2}
        async with httpx.AsyncClient(base_url=self.stand.addresses.control, timeout=60) as control:
            (await control.post("/state", json=rows)).raise_for_status()
            settings = events | {erp.key: erp.numbering(assigned)}
            (await control.post("/settings", json=settings)).raise_for_status()

    async def correct(self, crm: str) -> None:
        """Write the right code for one currency."""
        (currency,) = (currency for currency in CURRENCIES if currency.crm == crm)
        async with self._table() as table:
            await table.upsert_entity(_row(currency, currency.code))

    async def correct_all(self) -> None:
        """Write what is still wrong or missing."""
        async with self._table() as table:
            rows = [row async for row in table.list_entities() if "CurrencyCRM" in row]  # not the version row
            there = {row["CurrencyCRM"]: row["CurrencyAX"] for row in rows}
        for currency in CURRENCIES:
            if there.get(currency.crm) != currency.code:
                await self.correct(currency.crm)
        await terms.correct_all(self.stand)

    async def correct_terms(self, name: str) -> None:
        """Write the right code for the payment terms of this name."""
        await terms.correct(self.stand, name)

    async def heal(self) -> None:
        """Run the timer function now, on the first host."""
        key = {"x-functions-key": self.stand.addresses.function_key}
        async with httpx.AsyncClient(
            base_url=self.stand.addresses.functions, headers=key, timeout=60
        ) as host:
            (await host.post("/admin/functions/heal", json={})).raise_for_status()

    def _table(self) -> TableClient:
        return TableClient.from_connection_string(self.stand.addresses.tables, "CurrencyMapping")


def _row(currency: Currency, code: str) -> dict[str, str]:
    return {
        "PartitionKey": "currency",
        "RowKey": currency.crm.lower(),
        "CurrencyCRM": currency.crm,
        "CurrencyAX": code,
        "UpdatedBy": "chaos",
    }
