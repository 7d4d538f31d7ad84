"""Names accounts for people: number and name from Sales, and the addresses of their records.

Names are read when they are shown and kept nowhere. If Sales does not answer, the ids stand alone.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from shared.model.account import AccountName
from shared.model.customer import CustomerKey
from shared.model.faults import Fault
from shared.ports import SalesInquiry

LONGEST_READING = 15.0  # seconds for the names of one list
MOST_NAMED = 1000


class Named(NamedTuple):
    """The names that could be read, and what to say if they could not."""

    names: Mapping[UUID, AccountName]
    trouble: str = ""

    def of(self, account_id: UUID) -> AccountName:
        """The account's name; empty if it is not known."""
        return self.names.get(account_id, AccountName("", ""))


@dataclass(frozen=True, slots=True)
class NameAccounts:
    """The use case behind every list of accounts. `company` is the one company of the field map, or "".

    `erp_links` are the ERP's addresses for a company and, if one is given, its customer.
    """

    sales: SalesInquiry
    sales_url: str
    erp_links: Callable[[str, CustomerKey | None], Mapping[str, str]]
    company: str

    async def of(self, account_ids: Collection[UUID]) -> Named:
        """The names of these accounts, of a thousand at most."""
        wanted = list(dict.fromkeys(account_ids))[:MOST_NAMED]
        if not wanted:
            return Named({})
        try:
            async with asyncio.timeout(LONGEST_READING):
                return Named(await self.sales.names(wanted))
        except (TimeoutError, Fault) as fault:
            reason = str(fault) or f"no answer within {LONGEST_READING:.0f} s."
            return Named({}, f"Account numbers and names could not be read from Sales: {reason}")

    def links(self, account_id: UUID, customer: CustomerKey | None = None) -> dict[str, str]:
        """The addresses of the account's record in Sales, and of its customer as far as the ERP has one."""
        record = urlencode({"pagetype": "entityrecord", "etn": "account", "id": account_id})
        found = {"sales": f"{self.sales_url}/main.aspx?{record}"}
        company = customer.company if customer else self.company
        return found | dict(self.erp_links(company, customer)) if company else found
