"""The controls of the two published pages, with the table fields behind them.

Names, types and lengths are those of table 18 (Customer) and table 4 (Currency) of NAV 2018 W1. A control's
name in OData is its field's caption with every sign replaced by `_`
(learn.microsoft.com/previous-versions/dynamicsnav-2018-developer, "Walkthrough: Creating and Using a Page Web
Service (OData)"). `Account_Id` is the control that a partner adds for numbers from the series.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

type Kind = Literal["code", "text", "option", "decimal"]
EMPTY: Mapping[str, Any] = {"code": "", "text": "", "option": "", "decimal": 0}
BLOCKED = ("", "Ship", "Invoice", "All")


@dataclass(frozen=True, slots=True)
class Control:
    """One control; `related` is the table that a value must be found in."""

    caption: str
    kind: Kind
    length: int = 0
    related: str = ""
    read_only: bool = False

    @property
    def name(self) -> str:
        """The control's name in OData."""
        return re.sub(r"\W+", "_", self.caption).strip("_")

    @property
    def edm(self) -> str:
        """The OData type; an option is a text."""
        return "Edm.Decimal" if self.kind == "decimal" else "Edm.String"


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its number, the caption of its table, its key control and all controls by name."""

    number: int
    table: str
    key: str
    controls: Mapping[str, Control]


def _customer_controls() -> Iterator[Control]:
    yield Control("No.", "code", 20)
    yield Control("Name", "text", 50)
    yield Control("Search Name", "code", 50)
    yield Control("Balance (LCY)", "decimal", read_only=True)
    yield Control("Credit Limit (LCY)", "decimal")
    yield Control("Salesperson Code", "code", 20, "Salesperson/Purchaser")
    yield Control("Blocked", "option")
    yield Control("Address", "text", 50)
    yield Control("Address 2", "text", 50)
    yield Control("Post Code", "code", 20)
    yield Control("City", "text", 30)
    yield Control("County", "text", 30)
    yield Control("Country/Region Code", "code", 10, "Country/Region")
    yield Control("Contact", "text", 50)
    yield Control("Phone No.", "text", 30)
    yield Control("Fax No.", "text", 30)
    yield Control("E-Mail", "text", 80)
    yield Control("Home Page", "text", 80)
    yield Control("Bill-to Customer No.", "code", 20, "Customer")
    yield Control("VAT Registration No.", "text", 20)
    yield Control("Gen. Bus. Posting Group", "code", 20, "Gen. Business Posting Group")
    yield Control("Customer Posting Group", "code", 20, "Customer Posting Group")
    yield Control("Payment Terms Code", "code", 10, "Payment Terms")
    yield Control("Currency Code", "code", 10, "Currency")
    yield Control("Account Id", "code", 50)


def _currency_controls() -> Iterator[Control]:
    yield Control("Code", "code", 10)
    yield Control("Description", "text", 30)


def _page(number: int, table: str, key: str, controls: Iterator[Control]) -> Page:
    return Page(number, table, key, {control.name: control for control in controls})


CUSTOMER_CARD = _page(21, "Customer", "No", _customer_controls())
CURRENCIES = _page(5, "Currency", "Code", _currency_controls())
