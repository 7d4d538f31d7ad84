"""Collection requests of the Web API: query options enter, a page of rows with its links leaves.

Page size 5,000 at most by `Prefer: odata.maxpagesize`, no `$skip` (learn.microsoft.com/power-apps/developer/
data-platform/webapi/query/page-results); strings compare without regard to case.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from local.dynamics.calls import Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.render import make_view, render
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Row, Store
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.filters import parse_filter, sort_value
from local.dynamics.odata.options import Options, parse_options

MAX_PAGE = 5000
MAX_COUNT = 5000  # `$count` counts no further (.../webapi/query/count-rows)
COLLECTION_OPTIONS = ("$select", "$filter", "$expand", "$orderby", "$top", "$skiptoken", "$count")
ROW_OPTIONS = ("$select", "$expand")


@dataclass(frozen=True, slots=True)
class TableDialect:
    """Names and types of one table's properties for `$filter`."""

    table: Table
    functions: frozenset[str] = frozenset({"contains", "startswith", "endswith"})

    def resolve(self, name: str) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        """The OData type and reader of a property."""
        column = self.table.by_property(name)
        if column is None:
            raise errors.no_property(name, self.table.name)
        return column.edm, lambda row: _plain(row[""].get(column.name))

    def equal_text(self, value: str, wanted: str) -> bool:
        """Text compares without regard to case."""
        return value.casefold() == wanted.casefold()


def _plain(value: Any) -> Any:
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def filtered(store: Store, table: Table, text: str | None) -> list[Row]:
    """The rows of a table that a `$filter` lets through; raises QueryError or DataverseError."""
    rows = list(store.rows(table.name).values())
    if text is None:
        return rows
    predicate = parse_filter(text, TableDialect(table))
    return [row for row in rows if predicate({"": row})]


def read_options(call: Call, supported: tuple[str, ...]) -> Options:
    """The query options; what is not understood is the documented 400."""
    try:
        return parse_options(call.query, supported)
    except QueryError as error:
        raise errors.bad_query(str(error)) from error


def query(store: Store, table: Table, call: Call) -> dict[str, Any]:
    """The answer's body for a collection request; raises DataverseError."""
    options = read_options(call, COLLECTION_OPTIONS)
    view = make_view(table, options.select, options.expand)
    try:
        rows = ordered(table, filtered(store, table, options.filter), options)
    except QueryError as error:
        raise errors.bad_query(str(error)) from error
    body: dict[str, Any] = {"@odata.context": context(call, table, options)}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = min(len(rows), MAX_COUNT)
    limit = options.top if options.top is not None else len(rows)
    rows = rows[: max(limit, 0)]
    page, rest = _page(rows, call)
    body["value"] = [render(store, table, row, view) for row in page]
    if rest is not None:
        body["@odata.nextLink"] = next_link(call, rest)
    return body


def ordered(table: Table, rows: list[Row], options: Options) -> list[Row]:
    """Rows in the asked order; the key breaks ties, so that pages never overlap."""
    rows = sorted(rows, key=lambda row: row.id)
    for name, descending in reversed(options.order):
        if table.by_property(name) is None:
            raise errors.no_property(name, table.name)
        logical = name[1:-6] if name not in table.columns else name
        rows.sort(key=lambda row, logical=logical: sort_value(row.get(logical)), reverse=descending)
    return rows


def page_size(call: Call) -> int:
    """`odata.maxpagesize`, larger values are ignored."""
    text = call.preferences().get("odata.maxpagesize", "")
    return min(int(text), MAX_PAGE) if text.isascii() and text.isdigit() and int(text) > 0 else MAX_PAGE


def _page(rows: list[Row], call: Call) -> tuple[list[Row], dict[str, Any] | None]:
    """One page, and the cookie of the next one when there is more."""
    start = _start(rows, call)
    size = page_size(call)
    page = rows[start : start + size]
    if start + size >= len(rows):
        return page, None
    return page, {"offset": start + size, "last": page[-1].id}


def _start(rows: list[Row], call: Call) -> int:
    """Where the page begins: after the last row of the page before, wherever that row stands by now."""
    cookie = read_cookie(call)
    if not cookie:
        return 0
    position = next((at for at, row in enumerate(rows) if row.id == cookie["last"]), None)
    return cookie["offset"] if position is None else position + 1


def read_cookie(call: Call) -> dict[str, Any]:
    """The paging cookie of `$skiptoken`, empty when there is none; raises DataverseError for a broken one."""
    if "$skiptoken" not in call.query:
        return {}
    try:
        cookie = json.loads(base64.urlsafe_b64decode(call.query["$skiptoken"].encode()))
        track = {"track": int(cookie["track"])} if "track" in cookie else {}
        return {"last": str(cookie["last"]), "offset": int(cookie["offset"]), **track}
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise errors.bad_query("Malformed XML in the paging cookie of $skiptoken.") from error


def next_link(call: Call, cookie: dict[str, Any]) -> str:
    """The absolute link to the next page: the same query with a paging cookie."""
    token = base64.urlsafe_b64encode(json.dumps(cookie).encode()).decode()
    options = {**call.query, "$skiptoken": token}
    return f"{call.root}/{call.path}?{urlencode(options, quote_via=quote, safe='$,()')}"


def context(call: Call, table: Table, options: Options) -> str:
    """`@odata.context` of a collection."""
    names = ",".join(options.select or ())
    return f"{call.root}/$metadata#{table.entity_set}" + (f"({names})" if names else "")
