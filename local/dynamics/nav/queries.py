"""Lists of rows: query options enter, a page of rows leaves.

Pages of 1,000 rows with a link to the next one: learn.microsoft.com/previous-versions/
dynamicsnav-2016-developer, "Server-Driven Paging in OData Web Services". An asterisk in a compared text is a
wildcard, as in the server's own filters; that it is one over OData too is the worse case, and is unverified.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from local.dynamics.calls import Call
from local.dynamics.nav import errors
from local.dynamics.nav.environment import Company, Environment, Row
from local.dynamics.nav.pages import Page
from local.dynamics.nav.protocol import Protocol
from local.dynamics.odata.filters import parse_filter, sort_value
from local.dynamics.odata.options import Options, parse_options
from local.dynamics.odata.tokens import unquote_text

OPTIONS = ("$select", "$filter", "$orderby", "$top", "$format", "$skiptoken")


@dataclass(frozen=True, slots=True)
class PageDialect:
    """Names and types of a page's controls."""

    page: Page
    functions: frozenset[str] = frozenset({"startswith", "endswith", "contains"})

    def resolve(self, name: str) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        """Return the OData type of a control and its reader."""
        control = known(self.page, name)
        if control.kind == "decimal":
            return control.edm, lambda row: Decimal(str(row[name]))
        return control.edm, lambda row: row[name]

    def equal_text(self, value: str, wanted: str) -> bool:
        """Without regard to case and outer blanks; `*` stands for any text."""
        pattern = ".*".join(re.escape(part) for part in wanted.strip().upper().split("*"))
        return re.fullmatch(pattern, value.strip().upper(), re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Listing:
    """One call for the rows of a page in a company."""

    environment: Environment
    protocol: Protocol
    call: Call

    def answer(self, company: Company, page: Page) -> dict[str, Any]:
        """Return one page of rows. Raises NavError and QueryError."""
        options = parse_options(self.call.query, OPTIONS)
        names = selected(page, options.select, self.protocol)
        rows = self._after_token(page, self._chosen(page, company.rows(page).values(), options))
        size = self.environment.page_size
        wanted = rows if options.top is None else rows[: options.top]
        more = len(wanted) > size
        shown = [self.protocol.show(page, row, names) for row in wanted[:size]]
        last = str(wanted[size - 1].values[page.key]) if more else ""
        left = None if options.top is None else options.top - size
        return self.protocol.list(shown, self._next(last, left) if more else None)

    def _chosen(self, page: Page, rows: Iterable[Row], options: Options) -> list[Row]:
        """Return the rows that pass the filter, in the asked order, by key where none is asked for."""
        ordered = sorted(rows, key=lambda row: sort_value(row.values[page.key]))
        for name, descending in reversed(options.order):
            known(page, name)
            ordered.sort(key=lambda row, name=name: sort_value(row.values[name]), reverse=descending)
        if options.filter is None:
            return ordered
        predicate = parse_filter(options.filter, PageDialect(page))
        return [row for row in ordered if predicate(row.values)]

    def _after_token(self, page: Page, rows: list[Row]) -> list[Row]:
        token = self.call.query.get("$skiptoken")
        if token is None:
            return rows
        last = sort_value(unquote_text(token))
        return [row for row in rows if sort_value(row.values[page.key]) > last]

    def _next(self, last: str, left: int | None) -> str:
        quoted = last.replace("'", "''")
        query = {**self.call.query, "$skiptoken": f"'{quoted}'"} | (
            {} if left is None else {"$top": str(left)}
        )
        return f"{self.call.root}/{self.call.path}?{urlencode(query, quote_via=quote, safe='$,')}"


def selected(page: Page, names: tuple[str, ...] | None, protocol: Protocol) -> tuple[str, ...] | None:
    """Return the selected names, None for all. Raises NavError for one that the page does not have."""
    for name in names or ():
        if not (name == "ETag" and protocol.version == "v3"):
            known(page, name)
    return names


def known(page: Page, name: str) -> Any:
    """Return the control of this name. Raises NavError."""
    if name not in page.controls:
        message = f"Could not find a property named '{name}' on type 'NAV.{page.table}'."
        raise errors.bad_request(message)
    return page.controls[name]
