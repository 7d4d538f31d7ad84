"""The systems in memory that the editor of the currency mapping asks about currencies."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.model.account import AccountCurrency, AccountName, SystemJob
from shared.model.faults import Fault
from shared.model.mapping import MappingTable, Usage
from tests.fakes.tables import FakeStates


@dataclass
class FakeInquiry:
    """Implements SalesInquiry; `fault` is what every question is answered with."""

    listed: list[AccountCurrency] = field(default_factory=list[AccountCurrency])
    numbers: dict[str, list[UUID]] = field(default_factory=dict[str, list[UUID]])
    known: dict[UUID, AccountName] = field(default_factory=dict[UUID, AccountName])
    fault: Fault | None = None

    async def currencies(self) -> Sequence[AccountCurrency]:
        self._answer()
        return self.listed

    async def by_number(self, number: str) -> Sequence[UUID]:
        self._answer()
        return self.numbers.get(number, [])

    async def by_name(self, part: str, most: int) -> Mapping[UUID, AccountName]:
        self._answer()
        found = {one: name for one, name in self.known.items() if part.casefold() in name.name.casefold()}
        return dict(list(found.items())[:most])

    async def names(self, account_ids: Collection[UUID]) -> Mapping[UUID, AccountName]:
        self._answer()
        return {one: self.known[one] for one in account_ids if one in self.known}

    async def jobs(self, account_id: UUID) -> Sequence[SystemJob]:
        self._answer()
        return []

    def _answer(self) -> None:
        if self.fault:
            raise self.fault


@dataclass
class FakeUsage(FakeStates):
    """Accounts of which only their number by currency matters."""

    def __init__(self) -> None:
        super().__init__()
        self.by_key: dict[str, Usage] = {}

    async def usage(self, table: MappingTable) -> Mapping[str, Usage]:
        return self.by_key
