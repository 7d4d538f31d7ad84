"""The currency mapping's editor ports in memory, with the ETags and transactions of the Table service."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.model.account import AccountCurrency
from shared.model.faults import Fault
from shared.model.mapping_edit import Edit, Mapped, MappingConflict, MappingRow, RowChange, Version
from shared.ports.mapping import Usage


@dataclass
class FakeAdmin:
    """Implements CurrencyAdmin; `fail_on` raises this fault at the batch of that number."""

    table: dict[str, MappingRow] = field(default_factory=dict[str, MappingRow])
    edits: dict[str, Edit] = field(default_factory=dict[str, Edit])
    parts: defaultdict[str, dict[int, list[RowChange]]] = field(default_factory=lambda: defaultdict(dict))
    fail_on: Mapping[int, Fault] = field(default_factory=dict[int, Fault])
    _versions: int = 0

    def put(self, row_key: str, crm: str, ax: str) -> None:
        """Change a row by hand."""
        self._versions += 1
        self.table[row_key] = MappingRow(row_key, Mapped(crm, ax), f'W/"{self._versions}"')

    async def rows(self) -> Sequence[MappingRow]:
        return list(self.table.values())

    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None:
        if fault := self.fail_on.get(part):
            raise fault
        for change in changes:
            row = self.table.get(change.row_key)
            if (row.etag if row else "") != change.etag:
                raise MappingConflict(change.mapped.crm)
        for change in changes:
            if change.after is None:
                del self.table[change.row_key]
            else:
                self.put(change.row_key, *change.after)
        self.edits[edit.id] = edit
        self.parts[edit.id][part] = list(changes)

    async def history(self) -> Sequence[Version]:
        return [
            Version(edit, tuple(c for _, part in sorted(self.parts[id_].items()) for c in part))
            for id_, edit in sorted(self.edits.items())
        ]


@dataclass
class FakeSalesCurrencies:
    """Implements SalesCurrencies."""

    currencies: list[AccountCurrency] = field(default_factory=list[AccountCurrency])
    fault: Fault | None = None

    async def all(self) -> Sequence[AccountCurrency]:
        if self.fault:
            raise self.fault
        return self.currencies


@dataclass
class FakeUsage:
    """Implements CurrencyUsage."""

    by_key: dict[str, Usage] = field(default_factory=dict[str, Usage])

    async def count(self) -> Mapping[str, Usage]:
        return self.by_key
