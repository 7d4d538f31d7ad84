"""Rows of the data entities in memory.

Checked values enter, rows leave. Keys compare trimmed and without regard to case, as the application's
database does. Writes inside `transaction()` happen together or not at all.
"""

import base64
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    _undo: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    _random: random.Random = field(default_factory=lambda: random.Random(7))
    _next_record: int = FIRST_RECORD
    _depth: int = 0

    def rows(self, entity_set: str) -> dict[Key, Record]:
        """All rows of an entity set."""
        return self._rows.setdefault(entity_set, {})

    def find(self, entity: Entity, values: Mapping[str, Any]) -> Record | None:
        """The row with the key that is among the values."""
        return self.rows(entity.entity_set).get(self.key(entity, values))

    def key(self, entity: Entity, values: Mapping[str, Any]) -> Key:
        """The compared form of a row's key."""
        return tuple(normal(values[name]) for name in entity.keys)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all."""
        self._depth += 1
        try:
            yield
        except BaseException:
            while self._undo:
                self._undo.pop()()
            raise
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._undo.clear()

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
        rows, key = self.rows(entity.entity_set), self.key(entity, record.values)
        del rows[key]
        self._undo.append(lambda: rows.__setitem__(key, record))

    def clear(self, entity_set: str) -> None:
        """Forget all rows of an entity set."""
        self.rows(entity_set).clear()

    def _put(self, entity: Entity, record: Record) -> Record:
        rows, key = self.rows(entity.entity_set), self.key(entity, record.values)
        before = rows.get(key)
        rows[key] = record
        self._undo.append(lambda: rows.pop(key) if before is None else rows.__setitem__(key, before))
        return record
