"""The copy of a mapping table in the process: what it costs to keep it right does not grow with the table.

A query reads the whole partition, one request for each 1,000 rows. So a table of one page is read again each
time, and a larger one only once in as many times as it has pages: on average one request for each
`cache_seconds`, whatever the size. In between, its version row says in one request whether rows were changed;
then each name is read anew by its keys when it is next asked for.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple, Protocol

from shared.model.mapping import CurrencyMapping, escape_key
from shared.ports import Clock
from shared.telemetry.metrics import MAPPING_LOOK_UPS

PAGE = 1_000  # rows that the Table service reads for one request
_MOST_NAMED = 10  # the limit of comparisons in a filter of the Table service


class Row(NamedTuple):
    """A mapping row and its RowKey, which may be any if the row was made by hand."""

    row_key: str
    mapping: CurrencyMapping


class TableVersion(NamedTuple):
    """What the version row says: `etag` changes with every noted change, `whole` if names do not suffice."""

    etag: str = ""
    whole: str = ""


class MappingRows(Protocol):
    """Reads the rows of one mapping table, each with its normalised name."""

    # All rows; a request for each 1,000.
    def all(self) -> AsyncIterator[tuple[str, Row]]: ...
    # The rows changed since then, and those of these keys that still exist; a request for each 1,000 rows.
    def newer(self, since: datetime, row_keys: Sequence[str]) -> AsyncIterator[tuple[str, Row]]: ...
    # The rows of these keys that exist; a request for each key.
    async def of(self, row_keys: Collection[str]) -> Sequence[tuple[str, Row]]: ...
    # The version row; one request.
    async def version(self) -> TableVersion: ...


class MappingCopy:
    """Rows by normalised name, as young as `cache_seconds`.

    A change that the version row does not tell, made by hand, can be missed for as many times as long as the
    table has pages. Healing finds such changes and has them told.
    """

    def __init__(self, rows: MappingRows, clock: Clock, cache_seconds: float, miss_seconds: float) -> None:
        self._table = rows
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._miss_seconds = miss_seconds
        self._rows: dict[str, Sequence[Row]] = {}
        self._pages = 1
        self._read_at = self._asked_at = float("-inf")
        self._version = TableVersion()
        self._read_anew: set[str] | None = None  # names that were, since a change was told; None: no change
        self._started = self._finished = 0
        self._reading = asyncio.Lock()

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[Row]:
        """Return the rows of this name. That a name has no row is remembered for `miss_seconds` at most.

        `fresh` reads what the table says of this name now, in one request of any table size if it has a row.
        """
        serves = not fresh and self._serves(key)
        MAPPING_LOOK_UPS.note(place="copy" if serves else "table")
        return self._rows.get(key, ()) if serves else await self._read(key, fresh=fresh)

    async def by_name(self) -> Mapping[str, Sequence[Row]]:
        """Read the whole table now."""
        await self.reload()
        return self._rows

    def _serves(self, key: str) -> bool:
        """Whether the copy says what is known of this name, without a request."""
        now, known = self._clock.now().timestamp(), self._rows.get(key)
        if self._pages == 1:
            longest = self._cache_seconds if known else min(self._miss_seconds, self._cache_seconds)
            return now - self._read_at <= longest
        asked = now - self._asked_at <= self._cache_seconds
        return asked and self._is_right(key) and now - self._read_at <= self._cache_seconds * self._pages

    def _is_right(self, key: str) -> bool:
        """Whether the name has rows, which did not change as far as the version row has told."""
        return bool(self._rows.get(key)) and (self._read_anew is None or key in self._read_anew)

    async def _read(self, key: str, *, fresh: bool) -> Sequence[Row]:
        age, known = self._clock.now().timestamp() - self._read_at, self._rows.get(key, ())
        too_many = fresh and len(known) > _MOST_NAMED
        if self._pages > 1 and age <= self._cache_seconds * self._pages and not too_many:
            return await self._of_many(key, fresh=fresh)
        if fresh and age <= self._cache_seconds and not too_many:
            since = datetime.fromtimestamp(self._read_at, UTC)
            newer = self._table.newer(since, [row.row_key for row in known])
            return [row async for name, row in newer if name == key]
        await self.reload()
        return self._rows.get(key, ())

    async def reload(self) -> None:
        """Read the table. Simultaneous callers share one read, if it began after their call."""
        wanted = self._started + 1
        async with self._reading:
            if self._finished >= wanted:
                return
            self._started = number = self._started + 1
            began = self._clock.now().timestamp()
            version = TableVersion()
            rows = await self._all(PAGE) if self._pages == 1 else None
            if rows is None:  # the version must be older than what is read under it
                version = await self._table.version()
                rows = await self._all() or {}
            self._rows, self._version, self._read_anew = rows, version, None
            self._pages = max(1, -(-sum(map(len, rows.values())) // PAGE))
            self._read_at = self._asked_at = began
            self._finished = number

    async def _all(self, most: float = inf) -> dict[str, Sequence[Row]] | None:
        """Read all rows; None if there are more than `most`."""
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        count = 0
        async for key, row in self._table.all():
            count += 1
            if count > most:
                return None
            rows[key].append(row)
        return dict(rows)

    async def _of_many(self, key: str, *, fresh: bool) -> Sequence[Row]:
        """Look a name up in a table that is too large to be read each time."""
        if not fresh:
            await self._ask_for_changes()
            if self._is_right(key):
                return self._rows[key]
        found = await self._by_keys(key)
        if fresh and not found:  # a row made by hand may have any key
            await self.reload()
            return self._rows.get(key, ())
        return found

    async def _ask_for_changes(self) -> None:
        """Ask once in `cache_seconds` whether rows were changed since the copy was read."""
        now = self._clock.now().timestamp()
        if now - self._asked_at <= self._cache_seconds:
            return
        version = await self._table.version()
        if version.whole != self._version.whole:
            await self.reload()
            return
        if version.etag != self._version.etag:
            self._version, self._read_anew = version, set()
        self._asked_at = now

    async def _by_keys(self, key: str) -> Sequence[Row]:
        """Read the rows of a name by their keys: the usual one, and those that it had before."""
        rows, read_anew = self._rows, self._read_anew
        keys = {escape_key(key), *(row.row_key for row in rows.get(key, ()))}
        found = [row for name, row in await self._table.of(sorted(keys)) if name == key]
        if self._rows is rows and self._read_anew is read_anew:  # or the copy may be newer than what was read
            rows[key] = found
            if read_anew is not None:
                read_anew.add(key)
        return found
