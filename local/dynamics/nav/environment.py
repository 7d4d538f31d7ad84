"""What is set up in the simulated NAV: companies with their tables, published pages, knobs of behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.dynamics.nav.pages import CURRENCIES, CUSTOMER_CARD, EMPTY, Page
from local.dynamics.operations.environment import COUNTRIES

CRONUS = "CRONUS International Ltd."


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table with the version that its ETag is made of."""

    values: Mapping[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class PostCode:
    """A row of table 225 (Post Code)."""

    code: str
    city: str
    country: str = ""
    county: str = ""


@dataclass(slots=True)
class NumberSeries:
    """The series "Customer Nos."; `manual` says whether a number may be given."""

    prefix: str = "C"
    digits: int = 5
    next: int = 10
    manual: bool = True

    def draw(self) -> str:
        """Return the next number; drawn numbers are never given back."""
        number = f"{self.prefix}{self.next:0{self.digits}d}"
        self.next += 10
        return number


def _related() -> dict[str, set[str]]:
    return {
        "Country/Region": set(COUNTRIES),
        "Salesperson/Purchaser": {"JR", "PS"},
        "Gen. Business Posting Group": {"EU", "EXPORT", "NATIONAL"},
        "Customer Posting Group": {"DOMESTIC", "EU", "FOREIGN"},
        "Payment Terms": {"14 DAYS", "1M(8D)", "CM", "COD"},
    }


@dataclass(slots=True)
class Company:
    """One company; `related` are the values of tables that are not simulated further."""

    local_currency: str = "GBP"
    numbers: NumberSeries = field(default_factory=NumberSeries)
    post_codes: list[PostCode] = field(default_factory=list[PostCode])
    related: dict[str, set[str]] = field(default_factory=_related)
    tables: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])

    def rows(self, page: Page) -> dict[str, Row]:
        """Return the rows of a page's table by key."""
        return self.tables.setdefault(page.table, {})

    def knows(self, table: str, value: str) -> bool:
        """Whether a related table has this value."""
        if table in {CURRENCIES.table, CUSTOMER_CARD.table}:
            return value in self.tables.get(table, {})
        return value in self.related.get(table, set())


@dataclass(slots=True)
class Environment:
    """One server instance; all names of `services` are published pages.

    The knobs stand for what is documented nowhere, or differs between servers: `insert_first`, a refused POST
    leaves a row; `star`, `If-Match: *` is accepted; `blank`, how the blank value of Blocked is written;
    `missing_code`, the code for a key that is not there; `page_order`, the fields of a body are validated in
    the order of the page; `v3_content`, a change over V3 is answered with the row; `v3_patch`, V3 takes PATCH
    beside MERGE; `v3_codes`, errors of V3 have codes. The next `refuse_creates` creates are refused after the
    insert, with nothing but the number and `Account_Id` in the row.
    """

    companies: dict[str, Company] = field(default_factory=lambda: {CRONUS: Company()})
    services: dict[str, Page] = field(
        default_factory=lambda: {"Customer": CUSTOMER_CARD, "Currencies": CURRENCIES}
    )
    page_size: int = 1_000
    insert_first: bool = True
    star: bool = True
    blank: str = "_x0020_"
    missing_code: str = "BadRequest_ResourceNotFound"
    page_order: bool = False
    v3_content: bool = False
    v3_patch: bool = True
    v3_codes: bool = False
    refuse_creates: int = 0
    _version: int = 4_711

    def put(self, company: Company, page: Page, values: Mapping[str, Any]) -> Row:
        """Write a row, new or changed, under the key that is among its values."""
        self._version += 1
        empty = {name: EMPTY[control.kind] for name, control in page.controls.items()}
        row = Row({**empty, **values}, self._version)
        company.rows(page)[row.values[page.key]] = row
        return row
