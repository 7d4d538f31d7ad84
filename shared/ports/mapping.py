"""What the editor of the currency mapping needs from outside."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from shared.model.account import AccountCurrency
from shared.model.mapping_edit import Edit, MappingRow, RowChange, Version
from shared.model.sheet import SheetRow


class Usage(NamedTuple):
    """How many accounts have a currency, and how many of them are parked for want of a good mapping."""

    accounts: int = 0
    parked: int = 0


class CurrencyAdmin(Protocol):
    """The table CurrencyMapping, with its history."""

    async def rows(self) -> Sequence[MappingRow]:
        """Every row as it stands."""
        ...

    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None:
        """Carry out up to 99 changes and record them, all or nothing. Raises MappingConflict."""
        ...

    async def history(self) -> Sequence[Version]:
        """Every edit, the oldest first."""
        ...


class SalesCurrencies(Protocol):
    """The currencies that Sales itself has."""

    async def all(self) -> Sequence[AccountCurrency]:
        """Names and ISO codes."""
        ...


class CurrencyUsage(Protocol):
    """The accounts by the currency that they were last seen with."""

    async def count(self) -> Mapping[str, Usage]:
        """By normalised name; one pass over the accounts."""
        ...


class Sheets(Protocol):
    """Spreadsheet files."""

    def read(self, file: Path) -> Generator[SheetRow]:
        """The rows of a file, one by one. Raises SheetError."""
        ...

    def write(self, file: Path, rows: Iterable[Sequence[str]], title: str = "Currency mapping") -> None:
        """Write these texts, the first row as the header; `title` names the sheet. Raises SheetError."""
        ...
