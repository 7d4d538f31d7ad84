"""What the checks of the set-up need to know of the systems themselves."""

from collections.abc import Collection, Sequence
from typing import Protocol

from shared.model.description import CurrencyUse, Organization, TableDescription
from shared.model.finding import Finding


class SalesMetadata(Protocol):
    """Answers what Sales' tables are like. Every method may raise TransientFault and ConfigurationFault."""

    # The environment that the address leads to.
    async def organization(self) -> Organization: ...
    # The table with those of these columns that it has; None if there is no such table.
    async def table(self, name: str, columns: Collection[str]) -> TableDescription | None: ...
    # The currencies of the active accounts that the row rules let through.
    async def used_currencies(self) -> Sequence[CurrencyUse]: ...


class SetUp(Protocol):
    """The ERP's own points: what must be set up in it, apart from fields and currencies."""

    # One finding for each point; what cannot be read is NOT_CHECKED, with the way to look at it. May raise
    # faults.
    async def points(self) -> Sequence[Finding]: ...
