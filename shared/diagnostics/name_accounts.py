"""Names accounts for people: number and name from Sales, and the addresses of their records.

Names are read when they are shown and never stored. If Sales does not answer, only the ids are shown.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
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
    """The names that were read, and a message if they could not be read."""

    names: Mapping[UUID, AccountName]
    trouble: str = ""

    def of(self, account_id: UUID) -> AccountName:
        """Return the account's name; empty if it is not known."""
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
        """Read the names of these accounts, at most a thousand."""
        wanted = list(dict.fromkeys(account_ids))[:MOST_NAMED]
        if not wanted:
            return Named({})
        try:
            async with asyncio.timeout(LONGEST_READING):
                return Named(await self.sales.names(wanted))
        except (TimeoutError, Fault) as fault:
            reason = str(fault) or f"no answer within {LONGEST_READING:.0f} s."
            return Named({}, f"Account numbers and names could not be read from Sales: {reason}")

    async def all_of(self, account_ids: Sequence[UUID]) -> Named:
        """Read the names of as many accounts as there are."""
        names: dict[UUID, AccountName] = {}
        for some in batched(account_ids, MOST_NAMED, strict=False):
            named = await self.of(some)
            names |= named.names
            if named.trouble:
                return Named(names, named.trouble)
        return Named(names)

    def links(self, account_id: UUID, customer: CustomerKey | None = None) -> dict[str, str]:
        """Return the address of the account in Sales, and of its customer if the ERP has one for it."""
        record = urlencode({"pagetype": "entityrecord", "etn": "account", "id": account_id})
        found = {"sales": f"{self.sales_url}/main.aspx?{record}"}
        company = customer.company if customer else self.company
        return found | dict(self.erp_links(company, customer)) if company else found
