"""Customers and currencies in memory, by company and id.

Checked values enter, rows leave. A number is found without a walk over all rows.
"""

import base64
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from local.dynamics.business_central.environment import Company
from local.dynamics.business_central.schema import Entity


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its id, its values by property, and the version of its row in the database."""

    id: str
    values: Mapping[str, Any]
    version: int

    @property
    def etag(self) -> str:
        """`W/"base64"`, to be sent back as it is."""
        text = f"'19;{self.version}1;00;'"
        return f'W/"{base64.b64encode(text.encode()).decode()}"'


@dataclass(slots=True)
class Table:
    """The rows of one table in one company, by id and by key."""

    key: str
    by_id: dict[str, Row] = field(default_factory=dict[str, Row])
    by_key: dict[str, str] = field(default_factory=dict[str, str])

    def put(self, row: Row) -> Row:
        """Insert a row, or replace the one of its id."""
        if (before := self.by_id.get(row.id)) is not None:
            self.by_key.pop(str(before.values[self.key]), None)
        self.by_id[row.id] = row
        self.by_key[str(row.values[self.key])] = row.id
        return row

    def remove(self, row: Row) -> None:
        """Delete a row."""
        del self.by_id[row.id]
        self.by_key.pop(str(row.values[self.key]), None)

    def with_key(self, key: str) -> Row | None:
        """The row with this key, which must be as it is stored."""
        found = self.by_key.get(key)
        return None if found is None else self.by_id[found]


@dataclass(slots=True)
class Tables:
    """All tables of all companies; ids and versions come from a seeded source."""

    _tables: dict[tuple[str, str], Table] = field(default_factory=dict[tuple[str, str], Table])
    _random: random.Random = field(default_factory=lambda: random.Random(11))
    _version: int = 7_632_890_000

    def of(self, company: Company, entity: Entity) -> Table:
        """The table behind an API page."""
        return self._tables.setdefault((company.id, entity.entity_set), Table(entity.order))

    def new_row(self, values: Mapping[str, Any]) -> Row:
        """A row with a new id."""
        return self.next_version(str(UUID(int=self._random.getrandbits(128), version=4)), values)

    def next_version(self, row_id: str, values: Mapping[str, Any]) -> Row:
        """The row with new values and a new version."""
        self._version += 1
        return Row(row_id, values, self._version)

    def clear(self) -> None:
        """Forget all rows."""
        self._tables.clear()
