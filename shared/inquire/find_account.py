"""Finds the account that an operator means: by its id, its account number, or its customer's number."""

from dataclasses import dataclass
from uuid import UUID

from shared.model.faults import Fault
from shared.ports.inquiry import AccountNumbers


class NoSuchAccountError(Exception):
    """No account, or more than one, answers to this."""


@dataclass(frozen=True, slots=True)
class FindAccount:
    """Sales knows account numbers, the table CustomerOwners those of the customers that were written."""

    sales: AccountNumbers
    customers: AccountNumbers

    async def find(self, text: str) -> UUID:
        """The account's id. Raises NoSuchAccountError."""
        try:
            return UUID(text)
        except ValueError:
            pass
        try:
            found, trouble = list(await self.sales.by_number(text)), None
        except Fault as fault:
            found, trouble = [], fault
        found = found or list(dict.fromkeys(await self.customers.by_number(text)))
        if len(found) == 1:
            return found[0]
        if not found and trouble is not None:
            raise trouble
        ids = ", ".join(map(str, found))
        message = (
            f'More than one account has the number "{text}": give the id of one of {ids}.'
            if found
            else f'No account has the id, account number or customer account "{text}".'
        )
        raise NoSuchAccountError(message)
