"""Collection requests: query options enter, a page of rows leaves.

Filters: learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/
use-filter-expressions-in-odata-uris and odata-known-limitations (`or` over different fields is refused; an
asterisk is a wildcard). A filter on `blocked` is reported to be refused. Pages: server-driven, 20,000 rows at
most, `Prefer: odata.maxpagesize`, the next link carries the last key (odata-client-performance).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from local.dynamics.business_central import errors
from local.dynamics.business_central.schema import Entity
from local.dynamics.calls import Call
from local.dynamics.odata.filters import COMPARISONS, parse_filter, sort_value
from local.dynamics.odata.options import Options, parse_options
from local.dynamics.odata.tokens import tokenize

type Values = Mapping[str, Any]
OPTIONS = ("$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count")
_FUNCTIONS = frozenset({"contains", "startswith", "endswith"})


@dataclass(frozen=True, slots=True)
class PageDialect:
    """Names and types of one page's properties; `*` in a string is a wildcard."""

    entity: Entity
    functions: frozenset[str] = _FUNCTIONS

    def resolve(self, name: str) -> tuple[str, Callable[[Values], Any]]:
        """The OData type of a property and its reader."""
        item = self.entity.properties.get(name)
        if item is None:
            raise errors.no_property(name, self.entity.type_name)
        if item.kind == "Enum" and name == "blocked":
            raise errors.bad_filter(f"The filter on '{name}' is not valid.")
        if item.kind == "DateTimeOffset":
            return item.edm, lambda row: datetime.fromisoformat(row[name])
        if item.kind == "Decimal":
            return item.edm, lambda row: Decimal(str(row[name]))
        return ("Edm.String" if item.kind == "Enum" else item.edm), lambda row: row[name]

    def equal_text(self, value: str, wanted: str) -> bool:
        """Without regard to case; `*` stands for any text."""
        if "*" not in wanted:
            return value.rstrip().upper() == wanted.rstrip().upper()
        pattern = ".*".join(re.escape(part) for part in wanted.upper().split("*"))
        return re.fullmatch(pattern, value.upper(), re.DOTALL) is not None


def list_page(entity: Entity, call: Call, rows: Sequence[Values], limit: int) -> dict[str, Any]:
    """One page of the rows; each row has its `@odata.etag`."""
    options = parse_options(call.query, OPTIONS)
    check_names(entity, [*(options.select or ()), *(name for name, _ in options.order)])
    found = _ordered(entity, _filtered(entity, options.filter, rows), options)
    body: dict[str, Any] = {"@odata.context": f"{call.root}/$metadata#{entity.entity_set}"}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = len(found)
    if (token := call.query.get("$skiptoken")) is not None:
        found = _after(entity, found, token)
    found = found[options.skip :]
    wanted = found if options.top is None else found[: options.top]
    size = _page_size(call, limit)
    body["value"] = [shown(row, options.select) for row in wanted[:size]]
    if len(wanted) > size:
        body["@odata.nextLink"] = _next_link(entity, call, options, wanted[size - 1], size)
    return body


def shown(row: Values, select: tuple[str, ...] | None) -> dict[str, Any]:
    """A row as JSON; the ETag is always there."""
    if select is None:
        return dict(row)
    return {name: row[name] for name in ("@odata.etag", *select) if name in row}


def check_names(entity: Entity, names: Iterable[str]) -> None:
    """Refuse names that are no properties of the page."""
    for name in names:
        if name not in entity.properties:
            raise errors.no_property(name, entity.type_name)


def _filtered(entity: Entity, text: str | None, rows: Sequence[Values]) -> list[Values]:
    if text is None:
        return [*rows]
    _refuse_or_over_fields(entity, text)
    predicate = parse_filter(text, PageDialect(entity))
    return [row for row in rows if predicate(row)]


def _refuse_or_over_fields(entity: Entity, text: str) -> None:
    """Each `or` must stand between conditions of one field."""
    words = [token.text for token in tokenize(text) if token.kind == "word"]
    names = [word for word in words if word not in (*COMPARISONS, "and", "not", *_FUNCTIONS)]
    for position, word in enumerate(names):
        around = {*names[max(position - 1, 0) : position], *names[position + 1 : position + 2]}
        if word == "or" and len(around) > 1:
            raise errors.bad_filter("OR over different fields is not supported: " + ", ".join(sorted(around)))


def _ordered(entity: Entity, rows: list[Values], options: Options) -> list[Values]:
    rows.sort(key=lambda row: sort_value(row[entity.order]))
    for name, descending in reversed(options.order):
        rows.sort(key=lambda row, name=name: sort_value(row[name]), reverse=descending)
    return rows


def _after(entity: Entity, rows: list[Values], token: str) -> list[Values]:
    """The rows after the one with this key; in the order of the keys it need not exist any more."""
    for position, row in enumerate(rows):
        if row[entity.order] == token:
            return rows[position + 1 :]
    return [row for row in rows if sort_value(row[entity.order]) > sort_value(token)]


def _next_link(entity: Entity, call: Call, options: Options, last: Values, size: int) -> str:
    query = {name: value for name, value in call.query.items() if name not in ("$skip", "$skiptoken")}
    query["$skiptoken"] = str(last[entity.order])
    if options.top is not None:
        query["$top"] = str(options.top - size)
    return f"{call.root}/{call.path}?{urlencode(query, quote_via=quote, safe='$,')}"


def _page_size(call: Call, limit: int) -> int:
    text = call.preferences().get("odata.maxpagesize", "")
    return min(int(text), limit) if text.isascii() and text.isdigit() and int(text) > 0 else limit
