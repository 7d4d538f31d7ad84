"""Collection requests of the OData service: query options enter, a page of rows leaves.

Wildcards, enum literals, one page of 10,000 rows at most:
learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata ("Filter details", "Server-driven
paging"). Companies: without `cross-company=true` only rows of the user's default company are visible (same
page, "Cross-company behavior").
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from local.dynamics.calls import Call
from local.dynamics.odata.filters import parse_filter, sort_value
from local.dynamics.odata.options import Options
from local.dynamics.odata.tokens import unquote_text
from local.dynamics.operations import errors
from local.dynamics.operations.environment import Environment
from local.dynamics.operations.schema import NAMESPACE, Entity
from local.dynamics.operations.store import Record, Records, normal

_EQUALITY = re.compile(r"(\w+) eq ('(?:[^']|'')*')( and |$)")


@dataclass(frozen=True, slots=True)
class EntityDialect:
    """Names and types of one entity's properties; `*` in a string is a wildcard."""

    entity: Entity
    functions: frozenset[str] = frozenset()

    def resolve(self, name: str) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        """The OData type of a property and its reader."""
        item = self.entity.properties.get(name)
        if item is None:
            raise errors.no_property(name, f"{NAMESPACE}.{self.entity.name}")
        if item.kind == "DateTimeOffset":
            return item.edm, lambda row: datetime.fromisoformat(row[name])
        if item.kind == "Decimal":
            return item.edm, lambda row: Decimal(str(row[name]))
        return item.edm, lambda row: row[name]

    def equal_text(self, value: str, wanted: str) -> bool:
        """Without regard to case and trailing blanks; `*` stands for any text."""
        if "*" not in wanted:
            return normal(value) == normal(wanted)
        pattern = ".*".join(re.escape(part) for part in normal(wanted).split("*"))
        return re.fullmatch(pattern, normal(value), re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Query:
    """One call over the rows of one entity set."""

    records: Records
    environment: Environment
    entity: Entity
    call: Call

    def visible(self, record: Record) -> bool:
        """Whether the caller sees a row: of his own company, or of any with `cross-company=true`."""
        if not self.entity.per_company or self.call.query.get("cross-company", "").lower() == "true":
            return True
        return record.values["dataAreaId"] == self.environment.default_company

    def rows(self, options: Options) -> list[Record]:
        """The visible rows that pass the filter, in the asked order, by key when none is asked for."""
        check_names(self.entity, [name for name, _ in options.order])
        rows = sorted(
            self._filtered(options.filter), key=lambda row: self.records.key(self.entity, row.values)
        )
        for name, descending in reversed(options.order):
            rows.sort(key=lambda row, name=name: sort_value(row.values[name]), reverse=descending)
        return rows

    def page(self, rows: list[Record], options: Options) -> dict[str, Any]:
        """One page; the link to the next one is absolute and keeps the query, with its own $skip."""
        check_names(self.entity, [*(options.select or ()), *options.expand])
        names = f"({','.join(options.select)})" if options.select else ""
        body: dict[str, Any] = {
            "@odata.context": f"{self.call.root}/$metadata#{self.entity.entity_set}{names}"
        }
        limit = len(rows) if options.top is None else options.top
        wanted, size = rows[options.skip : options.skip + limit], self._page_size()
        body["value"] = [show(self.entity, row, options.select) for row in wanted[:size]]
        if len(wanted) > size:
            body["@odata.nextLink"] = self._next_link(options, size)
        return body

    def _filtered(self, text: str | None) -> Iterable[Record]:
        if text is None:
            return filter(self.visible, self.records.rows(self.entity.entity_set).values())
        predicate = parse_filter(text, EntityDialect(self.entity))
        return [one for one in self._candidates(text) if self.visible(one) and predicate(one.values)]

    def _candidates(self, text: str) -> Iterable[Record]:
        """The rows that a filter can let through: one at most where it names the whole key."""
        key = key_of_filter(text)
        if not set(self.entity.keys) <= set(key) or any("*" in value for value in key.values()):
            return self.records.rows(self.entity.entity_set).values()
        found = self.records.find(self.entity, key)
        return () if found is None else (found,)

    def _next_link(self, options: Options, size: int) -> str:
        query = {**self.call.query, "$skip": str(options.skip + size)}
        if options.top is not None:
            query["$top"] = str(options.top - size)
        return f"{self.call.root}/{self.call.path}?{urlencode(query, quote_via=quote, safe='$,')}"

    def _page_size(self) -> int:
        text, limit = self.call.preferences().get("odata.maxpagesize", ""), self.environment.page_size
        return min(int(text), limit) if text.isascii() and text.isdigit() and int(text) > 0 else limit


def key_of_filter(text: str) -> dict[str, str]:
    """The values of a filter that is nothing but `name eq 'value'` joined by `and`; empty for any other."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _EQUALITY.match(text, position)
        if match is None:
            return {}
        found[match[1]] = unquote_text(match[2])
        position = match.end()
    return found


def show(entity: Entity, record: Record, select: tuple[str, ...] | None) -> dict[str, Any]:
    """A row as JSON; the ETag is always there."""
    names = entity.properties if select is None else select
    return {"@odata.etag": record.etag, **{name: record.values[name] for name in names}}


def check_names(entity: Entity, names: Iterable[str]) -> None:
    """Refuse names that are no properties of the entity."""
    for name in names:
        if name not in entity.properties:
            raise errors.no_property(name, f"{NAMESPACE}.{entity.name}")
