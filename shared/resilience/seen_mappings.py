"""The mapping rows as healing last saw them: the table is read whole only after a change."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.model.mapping import CurrencyMapping
from shared.ports import CurrencyMappings


@dataclass(slots=True)
class SeenMappings:
    """A copy of the table, and the moment for which healing compared it with what was handled."""

    mappings: CurrencyMappings
    _copy: dict[str, Sequence[CurrencyMapping]] = field(default_factory=dict[str, Sequence[CurrencyMapping]])
    _compared_at: datetime | None = None

    async def changed(self, compared_at: datetime | None) -> bool:
        """Whether a row was added or changed since the table was compared."""
        return compared_at is None or await self.mappings.changed_since(compared_at)

    async def read(self, now: datetime) -> Mapping[str, Sequence[CurrencyMapping]]:
        """The whole table as it stands now."""
        self._copy, self._compared_at = dict(await self.mappings.by_name()), now
        return self._copy

    async def known(self, key: str, compared_at: datetime) -> Sequence[CurrencyMapping]:
        """The rows of this name as the copy has them; rows that were deleted since may be among them."""
        if self._compared_at != compared_at:
            await self.read(compared_at)
        return self._copy.get(key, ())

    async def ask(self, key: str) -> Sequence[CurrencyMapping]:
        """The rows of this name as they stand now; the copy is corrected."""
        self._copy[key] = rows = await self.mappings.look_up(key, fresh=True)
        return rows


def version_of(rows: Sequence[CurrencyMapping]) -> str:
    """Another text whenever one of the rows of a name was changed, added or removed."""
    etags = "|".join(sorted(row.etag for row in rows))
    return hashlib.blake2b(etags.encode(), digest_size=12).hexdigest()


def usable(rows: Sequence[CurrencyMapping]) -> bool:
    """Whether an account with this currency can be written: one row, with a code."""
    return len(rows) == 1 and bool(rows[0].ax.strip())
