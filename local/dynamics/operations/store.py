"""Rows of the data entities in memory.

Checked values enter, rows leave. Keys compare trimmed and without regard to case, as the application's
database does.
"""

import base64
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.dynamics.operations.schema import Entity

type Key = tuple[str, ...]
FIRST_RECORD = 22_565_421_176


@dataclass(frozen=True, slots=True)
class Record:
    """One row with the (RecVersion, RecId) pair of each backing table."""

    values: Mapping[str, Any]
    pairs: tuple[tuple[int, int], ...]

    @property
    def etag(self) -> str:
        """`W/"base64"` of `'RecVersion,RecId;...'`, one pair per backing table."""
        text = "'" + ";".join(f"{version},{record}" for version, record in self.pairs) + "'"
        return f'W/"{base64.b64encode(text.encode()).decode()}"'


def normal(value: Any) -> str:
    """The form in which key values are compared."""
    return str(value).rstrip().upper()


@dataclass(slots=True)
class Records:
    """All rows by entity set and key; record versions come from a seeded source."""

    _rows: dict[str, dict[Key, Record]] = field(default_factory=dict[str, dict[Key, Record]])
    _random: random.Random = field(default_factory=lambda: random.Random(7))
    _next_record: int = FIRST_RECORD

    def rows(self, entity_set: str) -> dict[Key, Record]:
        """All rows of an entity set."""
        return self._rows.setdefault(entity_set, {})

    def find(self, entity: Entity, values: Mapping[str, Any]) -> Record | None:
        """The row with the key that is among the values."""
        return self.rows(entity.entity_set).get(self.key(entity, values))

    def key(self, entity: Entity, values: Mapping[str, Any]) -> Key:
        """The compared form of a row's key."""
        return tuple(normal(values[name]) for name in entity.keys)

    def insert(self, entity: Entity, values: Mapping[str, Any]) -> Record:
        """Add a row; the key must be free."""
        pairs: list[tuple[int, int]] = []
        for _ in range(entity.pairs):
            pairs.append((1, self._next_record))
            self._next_record += 1
        return self._put(entity, Record(values, tuple(pairs)))

    def replace(self, entity: Entity, before: Record, values: Mapping[str, Any]) -> Record:
        """Change a row; every backing table gets a new version."""
        pairs = tuple((self._random.randrange(1, 2**31), record) for _, record in before.pairs)
        return self._put(entity, Record(values, pairs))

    def remove(self, entity: Entity, record: Record) -> None:
        """Delete a row."""
        del self.rows(entity.entity_set)[self.key(entity, record.values)]

    def clear(self, entity_set: str) -> None:
        """Forget all rows of an entity set."""
        self.rows(entity_set).clear()

    def _put(self, entity: Entity, record: Record) -> Record:
        self.rows(entity.entity_set)[self.key(entity, record.values)] = record
        return record
