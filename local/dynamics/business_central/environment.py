"""What is set up in the simulated environment: companies with their reference data, and knobs of behaviour.

Enters through the control endpoint, is read by the rules. Names and post codes are in the style of the public
demonstration company. Post codes are no API page: only their effect is visible.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import NAMESPACE_DNS, uuid5

from local.dynamics.operations.environment import COUNTRIES


@dataclass(slots=True)
class NumberSeries:
    """The series "Customer Nos."; `manual` says whether a client may give numbers itself."""

    prefix: str = "C"
    digits: int = 5
    next: int = 1
    manual: bool = True

    def draw(self, taken: Callable[[str], bool]) -> str:
        """The next number that no customer has."""
        while True:
            number = f"{self.prefix}{self.next:0{self.digits}d}"
            self.next += 1
            if not taken(number):
                return number


@dataclass(frozen=True, slots=True)
class PostCode:
    """One row of the table Post Code."""

    code: str
    city: str
    county: str = ""
    country: str = ""


@dataclass(slots=True)
class Company:
    """A company. `keeps_address` is the option "Req. Country/Reg. Code in Addr." of the ledger's set-up."""

    name: str
    local_currency: str
    display_name: str = ""
    numbers: NumberSeries = field(default_factory=NumberSeries)
    post_codes: dict[str, PostCode] = field(default_factory=dict[str, PostCode])
    countries: set[str] = field(default_factory=lambda: set(COUNTRIES))
    salespeople: set[str] = field(default_factory=lambda: {"OF", "JO", "HR"})
    keeps_address: bool = False

    @property
    def id(self) -> str:
        """The company's id: the same in every run."""
        return str(uuid5(NAMESPACE_DNS, self.name))


def _post_codes() -> dict[str, PostCode]:
    rows = [
        PostCode("GB-N16 34Z", "London", "", "GB"),
        PostCode("GB-GU2 7XH", "Guildford", "Surrey", "GB"),
        PostCode("US-GA 31772", "Atlanta", "GA", "US"),
        PostCode("DE-20097", "Hamburg", "", "DE"),
    ]
    return {row.code: row for row in rows}


MAIN = "CRONUS USA, Inc."


def standard_companies() -> dict[str, Company]:
    """Companies by name; the ledger of the last one names no local currency."""
    companies = [
        Company(MAIN, "USD", "CRONUS USA", post_codes=_post_codes()),
        Company("CRONUS DE GmbH", "EUR", "CRONUS DE", post_codes=_post_codes()),
        Company("CRONUS O'Neil & Co. (50%)", "", "CRONUS blank", post_codes=_post_codes()),
    ]
    return {company.name: company for company in companies}


@dataclass(slots=True)
class Environment:
    """Everything that a setting can change.

    In which order the fields of one body are validated is documented nowhere: in the order of the body, or in
    that of the page.
    """

    tenant: str = "contoso.example"
    name: str = "production"
    companies: dict[str, Company] = field(default_factory=standard_companies)
    validation_order: Literal["body", "page"] = "body"
    duplicate_status: int = 400
    page_size: int = 20_000

    def company(self, company_id: str) -> Company | None:
        """The company of this id."""
        wanted = company_id.lower()
        return next((one for one in self.companies.values() if one.id == wanted), None)
