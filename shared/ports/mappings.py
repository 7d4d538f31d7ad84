"""What the mapping tables need from outside: their rows, and the labels of choices in Sales."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from shared.model.mapping import Changes, CurrencyMapping
from shared.model.mapping_edit import Edit, MappingRow, RowChange, Version


class OptionLabels(Protocol):
    """The labels of choices in the account's table, in one language."""

    # The label of each option of the column, by its number; from a copy, unless `fresh`.
    async def of(self, column: str, *, fresh: bool) -> Mapping[int, str]: ...


class CurrencyMappings(Protocol):
    """One mapping table, such as that of currencies, for the app and for its editor."""

    # The rows whose normalised name is `key`; if there are several, a person must correct the table.
    # `fresh` reads the table; otherwise a copy in the process is used, also to say that there is no row.
    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]: ...
    # All rows by normalised name, read now; rows without a usable name are left out.
    async def by_name(self) -> Mapping[str, Sequence[CurrencyMapping]]: ...
    # Whether a row was added or changed since then, or shortly before, as far as a few requests tell, which
    # begin behind `after`. An edit is always noticed, a deletion by hand never.
    async def changed_since(self, moment: datetime, after: str = "") -> Changes: ...
    # Tell every process that the rows of these names changed: no copy keeps what was before for longer than
    # `currency_cache_seconds` from now.
    async def tell(self, keys: Collection[str]) -> None: ...
    # All rows, read now, each with its ETag.
    async def rows(self) -> Sequence[MappingRow]: ...
    # Carry out up to 98 changes and record them, all or nothing. Raises MappingConflict.
    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None: ...
    # Every edit, the oldest first.
    async def history(self) -> Sequence[Version]: ...
