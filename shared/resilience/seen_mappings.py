"""Keeps a copy of a mapping table's rows for healing, so that the table is read only after a change.

A label of a choice counts as a part of the row that it leads to: a renamed label changes the versions of the
old and of the new label. Labels have no time of their change, so they are read again every 15 minutes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.model.mapping import LABELS_KEPT, CurrencyMapping, MappingTable
from shared.model.mapping_edit import key_or_none
from shared.ports.mappings import CurrencyMappings, OptionLabels

_COMPARED, _PASSED = "mappings", "mapping pages"


@dataclass(slots=True)
class SeenMappings:
    """A copy of the table, and the time for which healing compared it with the handled versions."""

    table: MappingTable
    mappings: CurrencyMappings
    labels: OptionLabels
    _copy: dict[str, Sequence[CurrencyMapping]] = field(default_factory=dict[str, Sequence[CurrencyMapping]])
    _compared_at: datetime | None = None

    @property
    def compared(self) -> str:
        """The name of the bookmark that says when the table was last compared."""
        return _COMPARED if self.table.of_currencies else f"{_COMPARED} {self.table.name}"

    @property
    def passed(self) -> str:
        """The name of the bookmark that says how far the table was searched for changed rows."""
        return _PASSED if self.table.of_currencies else f"{_PASSED} {self.table.name}"

    def labels_are_due(self, compared_at: datetime, now: datetime) -> bool:
        """Whether labels are read again."""
        return bool(self.table.labels) and now - compared_at >= LABELS_KEPT

    async def versions(self, now: datetime) -> Mapping[str, str]:
        """Read the whole table and the labels, and return the version of each key as it is now."""
        named: dict[str, list[str]] = {}
        for column in self.table.labels:
            for number, label in (await self.labels.of(column, fresh=True)).items():
                if key := key_or_none(label):
                    named.setdefault(key, []).append(f"{column}={number}")
        rows = await self.read(now)
        return {key: version_of(rows.get(key, ()), named.get(key, ())) for key in {**rows, **named}}

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


def version_of(rows: Sequence[CurrencyMapping], options: Sequence[str] = ()) -> str:
    """Return a text that changes with each change of the key's rows, or of the options with this label."""
    etags = "|".join([*sorted(row.etag for row in rows), *sorted(options)])
    return hashlib.blake2b(etags.encode(), digest_size=12).hexdigest()


def usable(rows: Sequence[CurrencyMapping]) -> bool:
    """Whether an account with this value can be written: one row, with a code."""
    return len(rows) == 1 and bool(rows[0].ax.strip())
