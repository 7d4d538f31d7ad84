"""Finds the account that an operator means: by id, account number, customer's number or part of the name."""

from dataclasses import dataclass
from uuid import UUID

from shared.model.account import AccountName
from shared.model.faults import Fault
from shared.ports import CustomerOwners, SalesInquiry


class NoSuchAccountError(Exception):
    """No account, or more than one, matches the text."""


MOST_LISTED = 10
MOST_FOUND = 200


@dataclass(frozen=True, slots=True)
class FindAccount:
    """Finds account numbers and names in Sales, and customer numbers in the table CustomerOwners."""

    sales: SalesInquiry
    owners: CustomerOwners

    async def find(self, text: str) -> UUID:
        """Return the account's id. Raises NoSuchAccountError, which lists the accounts if several match."""
        found = await self.all(text)
        if len(found) == 1:
            return found[0]
        try:
            names = await self.sales.names(found[:MOST_LISTED])
        except Fault:
            names = dict[UUID, AccountName]()
        listed = "; ".join(
            f"{names.get(account_id, '')} {account_id}".strip() for account_id in found[:MOST_LISTED]
        )
        more = f"; and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        raise NoSuchAccountError(
            f'More than one account has "{text}" as its number or in its name; give one id: {listed}{more}.'
        )

    async def all(self, text: str) -> list[UUID]:
        """Return all accounts that match the text by id, number, customer or part of the name, in this order.

        At least one, and at most two hundred. Raises NoSuchAccountError.
        """
        try:
            return [UUID(text)]
        except ValueError:
            pass
        trouble: Fault | None = None
        found: list[UUID] = []
        try:
            found = list(await self.sales.by_number(text))
        except Fault as fault:
            trouble = fault
        found = found or list(dict.fromkeys(await self.owners.by_number(text)))
        if not found and trouble is None and text.strip():
            found = list(await self.sales.by_name(text.strip(), MOST_FOUND))
        if found:
            return found
        if trouble is not None:
            raise trouble
        message = f'No account has the id, account number, customer account or part of a name "{text}".'
        raise NoSuchAccountError(message)
