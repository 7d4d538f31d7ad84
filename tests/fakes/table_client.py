"""The client of a table in memory: it keeps rows as the Table service does, and counts the requests.

It stands in for `azure.data.tables.aio.TableClient` as far as the stores use it, and is held against Azurite
by the contract tests of the stores. A query is charged as the service charges it: a page ends after 1,000
rows *read*, whether they match or not, so that a filter without keys costs a request for each 1,000 rows of
the table; only a range of PartitionKey, and of RowKey within one partition, limits what is read. Source:
learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination and .../storage/tables/
table-storage-design-for-query. Azurite ends a page after 1,000 rows *found*: `by_matches` does the same.
"""

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableEntity, TableErrorCode, TableTransactionError, UpdateMode

from tests.fakes.table_filter import Span, parse

PAGE = 1000
_KEYS = ("PartitionKey", "RowKey")

type Key = tuple[str, str]


class Row(NamedTuple):
    """A stored row; many rows may share one mapping of values."""

    values: Mapping[str, Any]
    etag: str
    timestamp: datetime


@dataclass
class TableService:
    """What all tables share: the requests so far, how long each takes, and the time of day."""

    delay: float = 0.0
    by_matches: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    requests: list[str] = field(default_factory=list)
    versions: int = 0

    async def request(self, what: str) -> None:
        """Count one request, and take its time."""
        self.requests.append(what)
        if self.delay:
            await asyncio.sleep(self.delay)

    def stored(self, values: Mapping[str, Any]) -> Row:
        """A new version of a row."""
        self.versions += 1
        kept = {name: value for name, value in values.items() if name not in _KEYS and value is not None}
        return Row(kept, f"W/\"datetime'{self.versions}'\"", self.now())

    def table(self, name: str) -> "InMemoryTable":
        """A new, empty table."""
        return InMemoryTable(self, name)


class InMemoryTable:
    """Stands in for the SDK's TableClient."""

    def __init__(self, service: TableService, name: str) -> None:
        self.service, self.name = service, name
        self.rows: dict[Key, Row] = {}
        self._order: list[Key] = []

    def fill(self, rows: Mapping[Key, Row]) -> None:
        """Put rows there without a request."""
        self.rows |= rows
        self._order = sorted(self.rows)

    async def get_entity(
        self, partition_key: str, row_key: str, *, select: Sequence[str] | None = None
    ) -> TableEntity:
        """Read a row."""
        await self._request("GET")
        key = (partition_key, row_key)
        return self._entity(key, self._existing(key), select)

    async def create_entity(self, entity: Mapping[str, Any]) -> dict[str, Any]:
        """Insert a row."""
        await self._request("POST")
        return self._apply("create", entity)

    async def update_entity(
        self, entity: Mapping[str, Any], *, mode: UpdateMode = UpdateMode.MERGE, **guard: Any
    ) -> dict[str, Any]:
        """Change a row that exists."""
        await self._request("PATCH" if mode is UpdateMode.MERGE else "PUT")
        return self._apply("update", entity, mode=mode, **guard)

    async def upsert_entity(
        self, entity: Mapping[str, Any], *, mode: UpdateMode = UpdateMode.MERGE
    ) -> dict[str, Any]:
        """Insert or change a row."""
        await self._request("PATCH" if mode is UpdateMode.MERGE else "PUT")
        return self._apply("upsert", entity, mode=mode)

    async def delete_entity(self, *keys: Any, **guard: Any) -> None:
        """Delete a row, given by its two keys or as an entity, if it exists."""
        await self._request("DELETE")
        key = _key(keys[0]) if len(keys) == 1 else keys
        if key in self.rows:
            self._apply("delete", dict(zip(_KEYS, key, strict=True)), **guard)

    async def submit_transaction(self, operations: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
        """Carry out all, or none of them. Raises TableTransactionError with the index of what failed."""
        await self._request("POST $batch")
        done: list[dict[str, Any]] = []
        before: dict[Key, Row | None] = {}
        for index, (how, entity, *options) in enumerate(operations):
            before.setdefault(_key(entity), self.rows.get(_key(entity)))
            try:
                done.append(self._apply(how, entity, **(options[0] if options else {})))
            except HttpResponseError as error:
                for key, row in before.items():
                    self._put(key, row)
                failed = TableTransactionError(message=f"{index}:{error.message}")
                failed.status_code = error.status_code
                raise failed from error
        return done

    def query_entities(
        self,
        query_filter: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        select: Sequence[str] | None = None,
        results_per_page: int | None = None,
    ) -> "Pages":
        """Read the rows that match, page by page."""
        return Pages(self, query_filter, parameters or {}, select, results_per_page or PAGE)

    def list_entities(
        self, *, select: Sequence[str] | None = None, results_per_page: int | None = None
    ) -> "Pages":
        """Read all rows, page by page."""
        return Pages(self, "", {}, select, results_per_page or PAGE)

    def range_of(self, span: Span, after: Key | None) -> Iterator[Key]:
        """The keys in a range, in their order."""
        place = bisect_left(self._order, max(span.first, after or span.first))
        while place < len(self._order) and span.holds(self._order[place]):
            yield self._order[place]
            place += 1

    async def _request(self, what: str) -> None:
        await self.service.request(f"{what} {self.name}")

    def _apply(
        self, how: str, entity: Mapping[str, Any], *, mode: UpdateMode = UpdateMode.MERGE, **guard: Any
    ) -> dict[str, Any]:
        key = _key(entity)
        known = self.rows.get(key)
        if how == "create" and known is not None:
            raise _error(ResourceExistsError, 409, TableErrorCode.ENTITY_ALREADY_EXISTS)
        if how in {"update", "delete"}:
            known = self._existing(key)
            if guard.get("match_condition") is MatchConditions.IfNotModified and guard["etag"] != known.etag:
                raise _error(ResourceModifiedError, 412, TableErrorCode.UPDATE_CONDITION_NOT_SATISFIED)
        if how == "delete":
            self._put(key, None)
            return {}
        merged = {**known.values, **entity} if known and mode is UpdateMode.MERGE else entity
        row = self.service.stored(merged)
        self._put(key, row)
        return {"etag": row.etag}

    def _put(self, key: Key, row: Row | None) -> None:
        if row is None:
            if self.rows.pop(key, None) is not None:
                del self._order[bisect_left(self._order, key)]
            return
        if key not in self.rows:
            insort(self._order, key)
        self.rows[key] = row

    def _existing(self, key: Key) -> Row:
        if (row := self.rows.get(key)) is None:
            raise _error(ResourceNotFoundError, 404, TableErrorCode.RESOURCE_NOT_FOUND)
        return row

    def _entity(self, key: Key, row: Row, select: Sequence[str] | None) -> TableEntity:
        values = {**dict(zip(_KEYS, key, strict=True)), **row.values}
        entity = TableEntity({name: value for name, value in values.items() if not select or name in select})
        entity._metadata = {"etag": row.etag, "timestamp": row.timestamp}  # pyright: ignore[reportPrivateUsage]
        return entity

    async def page(self, query: "Pages", after: Key | None) -> tuple[list[TableEntity], Key | None]:
        """One request: the rows of a page, and where the next page begins, if there is one."""
        await self._request("GET ?")
        found: list[TableEntity] = []
        for read, key in enumerate(self.range_of(query.span, after)):
            if len(found) == query.most or (read == PAGE and not self.service.by_matches):
                return found, key
            row = self.rows[key]
            columns = {"PartitionKey": key[0], "RowKey": key[1], "Timestamp": row.timestamp}
            if query.matches({**row.values, **columns}):
                found.append(self._entity(key, row, query.select))
        return found, None


class Pages(AsyncIterator[TableEntity]):
    """The answer to a query: rows one by one, or page by page from a continuation token on."""

    def __init__(
        self,
        table: InMemoryTable,
        text: str,
        parameters: Mapping[str, Any],
        select: Sequence[str] | None,
        most: int,
    ) -> None:
        self.table, self.select, self.most = table, select, most
        self.matches, self.span = parse(text, parameters)
        self._rows: AsyncIterator[TableEntity] | None = None

    def by_page(self, continuation_token: Any = None) -> "PageIterator":
        """The pages, from a token on."""
        return PageIterator(self, continuation_token)

    async def __anext__(self) -> TableEntity:
        self._rows = self._rows or self._one_by_one()
        return await anext(self._rows)

    async def _one_by_one(self) -> AsyncIterator[TableEntity]:
        async for page in self.by_page():
            async for row in page:
                yield row


class PageIterator(AsyncIterator[AsyncIterator[TableEntity]]):
    """Pages one by one; `continuation_token` is where the next one begins."""

    def __init__(self, query: Pages, token: Any) -> None:
        self._query, self._begun = query, False
        self.continuation_token: Any = token

    async def __anext__(self) -> AsyncIterator[TableEntity]:
        token = self.continuation_token
        if self._begun and token is None:
            raise StopAsyncIteration
        self._begun = True
        after = (token["PartitionKey"], token["RowKey"]) if token else None
        rows, following = await self._query.table.page(self._query, after)
        self.continuation_token = dict(zip(_KEYS, following, strict=True)) if following else None
        return _each(rows)


async def _each(rows: Sequence[TableEntity]) -> AsyncIterator[TableEntity]:
    for row in rows:
        yield row


def _key(entity: Mapping[str, Any]) -> Key:
    return str(entity["PartitionKey"]), str(entity["RowKey"])


def _error(kind: type[HttpResponseError], status: int, code: TableErrorCode) -> HttpResponseError:
    error = kind(message=str(code.value))
    error.status_code = status
    error.error_code = code  # pyright: ignore[reportAttributeAccessIssue]
    return error
