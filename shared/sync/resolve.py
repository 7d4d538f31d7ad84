"""Finds the customer that the ERP must have for an account: its looked-up values, then all by the field map.

The check, the preview and the comparison of both systems all use it.
"""

from dataclasses import dataclass

from shared.model.account import Account
from shared.model.customer import CustomerBody
from shared.sync.desired_customer import BuildCustomer, Keys, MappedValues
from shared.sync.parents import FindParents


@dataclass(frozen=True, slots=True)
class ResolveCustomer:
    """Looks up what is not in the account's own row: values of mapping tables, numbers of parents."""

    mapped: MappedValues
    parents: FindParents
    build: BuildCustomer

    async def keys(self, account: Account, *, fresh: bool) -> Keys:
        """Return the keys of the account's values. Raises AccountFault for a value that cannot be a key."""
        return await self.mapped.keys(account, fresh=fresh)

    async def body(self, account: Account, keys: Keys, *, fresh: bool) -> CustomerBody:
        """Return the customer that the ERP must have. Raises AccountFault for what cannot be mapped."""
        mapped = await self.mapped.of(keys, fresh=fresh)
        if self.build.field_map.customer_fields:
            company = self.build.key(account).company
            mapped = {**mapped, **await self.parents.numbers(account, company)}
        return self.build.body(account, mapped)
