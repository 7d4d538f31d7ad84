"""Keeps a copy of the mapping rows for healing, so that the whole table is read only after a change."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.model.mapping import CurrencyMapping
from shared.ports import CurrencyMappings


@dataclass(slots=True)
class SeenMappings:
    """A copy of the table, and the time for which healing compared it with the handled versions."""

    mappings: CurrencyMappings
    _copy: dict[str, Sequence[CurrencyMapping]] = field(default_factory=dict[str, Sequence[CurrencyMapping]])
    _compared_at: datetime | None = None

    async def read(self, now: datetime) -> Mapping[str, Sequence[CurrencyMapping]]:
        """Read the whole table as it is now."""
        self._copy, self._compared_at = dict(await self.mappings.by_name()), now
        return self._copy

    async def known(self, key: str, compared_at: datetime) -> Sequence[CurrencyMapping]:
        """Return the rows of this name in the copy; some may have been deleted from the table since."""
        if self._compared_at != compared_at:
            await self.read(compared_at)
        return self._copy.get(key, ())

    async def ask(self, key: str) -> Sequence[CurrencyMapping]:
        """Read the rows of this name as they are now, and correct the copy."""
        self._copy[key] = rows = await self.mappings.look_up(key, fresh=True)
        return rows


def version_of(rows: Sequence[CurrencyMapping]) -> str:
    """Return a text that changes whenever a row of the name is changed, added or removed."""
    etags = "|".join(sorted(row.etag for row in rows))
    return hashlib.blake2b(etags.encode(), digest_size=12).hexdigest()


def usable(rows: Sequence[CurrencyMapping]) -> bool:
    """Whether an account with this currency can be written: one row, with a code."""
    return len(rows) == 1 and bool(rows[0].ax.strip())
