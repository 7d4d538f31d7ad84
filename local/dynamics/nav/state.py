"""The data and the knobs of the simulated NAV, as the control endpoint takes and shows them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from local.dynamics.nav.environment import CRONUS, Company, Environment, PostCode
from local.dynamics.nav.pages import CURRENCIES, CUSTOMER_CARD, Page
from local.dynamics.nav.service import Nav

type Rows = list[dict[str, Any]]


class NavState(BaseModel):
    """Rows to write; each may name its `company`, which is made if there is none.

    `customers` and `currencies` have the controls of their page, `post_codes` have `code`, `city`, `country`
    and `county`.
    """

    model_config = ConfigDict(extra="forbid")

    customers: Rows = Field(default_factory=list[dict[str, Any]])
    currencies: Rows = Field(default_factory=list[dict[str, Any]])
    post_codes: Rows = Field(default_factory=list[dict[str, Any]])


class NavSettings(BaseModel):
    """The knobs of `Environment`, and `manual_numbers` of every company; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    page_size: int | None = Field(default=None, ge=1)
    insert_first: bool | None = None
    star: bool | None = None
    blank: str | None = None
    missing_code: str | None = None
    page_order: bool | None = None
    v3_content: bool | None = None
    v3_patch: bool | None = None
    v3_codes: bool | None = None
    refuse_creates: int | None = Field(default=None, ge=0)
    manual_numbers: bool | None = None


def reset(nav: Nav) -> None:
    """Empty all tables; companies, series and knobs stay."""
    for company in nav.environment.companies.values():
        company.tables.clear()
        company.post_codes.clear()


def apply_nav_state(nav: Nav, state: NavState) -> None:
    """Write rows, over those of the same key. Raises ValueError for an unknown control."""
    environment = nav.environment
    for page, rows in ((CUSTOMER_CARD, state.customers), (CURRENCIES, state.currencies)):
        for row in rows:
            _put(environment, page, dict(row))
    for row in state.post_codes:
        company = _company(environment, row)
        company.post_codes.append(PostCode(**{name: row[name] for name in row if name != "company"}))


def apply_nav_settings(nav: Nav, settings: NavSettings) -> None:
    """Put knobs into effect."""
    for name, value in settings.model_dump(exclude_none=True).items():
        if name == "manual_numbers":
            for company in nav.environment.companies.values():
                company.numbers.manual = value
        else:
            setattr(nav.environment, name, value)


def read_nav_state(nav: Nav) -> dict[str, Rows]:
    """Return all rows, each with its company."""
    return {
        kind: [
            {"company": name, **row.values}
            for name, company in nav.environment.companies.items()
            for row in company.rows(page).values()
        ]
        for kind, page in (("customers", CUSTOMER_CARD), ("currencies", CURRENCIES))
    }


def _put(environment: Environment, page: Page, row: dict[str, Any]) -> None:
    company = _company(environment, row)
    row.pop("company", None)
    if unknown := set(row) - set(page.controls):
        raise ValueError(f"Page {page.number} has no controls {sorted(unknown)}.")
    environment.put(company, page, row)


def _company(environment: Environment, row: dict[str, Any]) -> Company:
    return environment.companies.setdefault(str(row.get("company", CRONUS)), Company())
