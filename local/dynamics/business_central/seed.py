"""Data of the simulated environment: what to seed enters, all rows leave.

Rows are in the form of their API page, with the name of their company; without one they belong to the first
company. They are written without side effects, over rows that are there.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.dynamics.business_central.bodies import stored
from local.dynamics.business_central.entities import (
    CURRENCIES,
    CUSTOMERS,
    CUSTOMERS_WITH_ACCOUNT,
    PAYMENT_TERMS,
)
from local.dynamics.business_central.environment import MAIN, Company, PostCode
from local.dynamics.business_central.schema import Entity
from local.dynamics.business_central.service import BusinessCentral

type Rows = list[dict[str, Any]]
_CLOSED = ConfigDict(extra="forbid")


class CompanyChange(BaseModel):
    """What can be set of a company; a name that is not there makes a new company."""

    model_config = _CLOSED

    name: str
    local_currency: str | None = None
    keeps_address: bool | None = None
    manual_numbers: bool | None = None
    next_number: int | None = Field(default=None, ge=0)
    removed: bool = False


class PostCodeRow(BaseModel):
    """A row of the table Post Code."""

    model_config = _CLOSED

    company: str = MAIN
    code: str
    city: str
    county: str = ""
    country: str = ""


class BusinessCentralChange(BaseModel):
    """What to set; what is left out stays."""

    model_config = _CLOSED

    companies: list[CompanyChange] = Field(default_factory=list[CompanyChange])
    currencies: Rows = Field(default_factory=list[dict[str, Any]])
    payment_terms: Rows = Field(default_factory=list[dict[str, Any]])
    customers: Rows = Field(default_factory=list[dict[str, Any]])
    post_codes: list[PostCodeRow] = Field(default_factory=list[PostCodeRow])
    validation_order: Literal["body", "page"] | None = None
    duplicate_status: int | None = Field(default=None, ge=400, le=599)
    page_size: int | None = Field(default=None, ge=1, le=20_000)


def apply(service: BusinessCentral, change: BusinessCentralChange) -> None:
    """Put a change into effect; raises ValueError or BusinessCentralError."""
    environment = service.environment
    environment.validation_order = change.validation_order or environment.validation_order
    environment.duplicate_status = change.duplicate_status or environment.duplicate_status
    environment.page_size = change.page_size or environment.page_size
    for company in change.companies:
        _set_company(service, company)
    for row in change.post_codes:
        known = PostCode(row.code.strip().upper(), row.city, row.county, row.country)
        company_named(service, row.company).post_codes[known.code] = known
    for currency in change.currencies:
        put(service, CURRENCIES, currency)
    for terms in change.payment_terms:
        put(service, PAYMENT_TERMS, terms)
    for customer in change.customers:
        put(service, CUSTOMERS_WITH_ACCOUNT, customer)


def _set_company(service: BusinessCentral, change: CompanyChange) -> None:
    companies = service.environment.companies
    if change.removed:
        companies.pop(change.name, None)
        return
    company = companies.setdefault(change.name, Company(change.name, "USD"))
    numbers = company.numbers
    if change.local_currency is not None:
        company.local_currency = change.local_currency
    if change.keeps_address is not None:
        company.keeps_address = change.keeps_address
    if change.manual_numbers is not None:
        numbers.manual = change.manual_numbers
    numbers.next = numbers.next if change.next_number is None else change.next_number


def company_named(service: BusinessCentral, name: str) -> Company:
    """The company of this name; raises ValueError."""
    try:
        return service.environment.companies[name]
    except KeyError:
        raise ValueError(f"There is no company {name!r}.") from None


def put(service: BusinessCentral, entity: Entity, given: dict[str, Any]) -> None:
    """Write one row, over the one with its key."""
    values = dict(given)
    company = company_named(service, values.pop("company", MAIN))
    if unknown := set(values) - set(entity.properties):
        raise ValueError(f"{entity.entity_set} has no properties {sorted(unknown)}.")
    checked = {name: stored(entity.properties[name], value) for name, value in values.items()}
    if checked.get("currencyCode") == company.local_currency:
        checked["currencyCode"] = ""
    table = service.tables.of(company, entity)
    before = table.with_key(checked[entity.order])
    empty = {name: item.empty for name, item in entity.properties.items()}
    if before is None:
        table.put(service.tables.new_row(empty | checked))
    else:
        table.put(service.tables.next_version(before.id, {**before.values, **checked}))


def rows(service: BusinessCentral) -> dict[str, Rows]:
    """All rows, each with the name of its company, as the API shows them."""
    found: dict[str, Rows] = {"customers": [], "currencies": [], "payment_terms": []}
    for company in service.environment.companies.values():
        customers = service.customers(company)
        for row in service.tables.of(company, CUSTOMERS).by_id.values():
            found["customers"].append({"company": company.name, **customers.shown(row)})
        for row in service.tables.of(company, CURRENCIES).by_id.values():
            found["currencies"].append({"company": company.name, **row.values, "id": row.id})
        for row in service.tables.of(company, PAYMENT_TERMS).by_id.values():
            found["payment_terms"].append({"company": company.name, **row.values, "id": row.id})
    return found
