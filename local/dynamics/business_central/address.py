"""What one part of an address does to the others.

Source: github.com/microsoft/BCApps, PostCode.Table.al (CheckClearPostCodeCityCounty, ValidatePostCode) and
Customer.Table.al. A change of the country from a value to another clears post code, city and county, unless
the ledger's set-up requires countries in addresses. A post code that the table Post Code knows sets city,
county and country. A city alone changes nothing over the API.
"""

from typing import Any

from local.dynamics.business_central.environment import Company

type Draft = dict[str, Any]


def set_country(draft: Draft, country: str, company: Company) -> None:
    """Set the country, and clear what belonged to the earlier one."""
    before = draft["country"]
    draft["country"] = country
    if before and before != country and not company.keeps_address:
        draft.update(postalCode="", city="", state="")


def set_post_code(draft: Draft, code: str, company: Company) -> None:
    """Set the post code, and what the table says about it."""
    draft["postalCode"] = code
    known = company.post_codes.get(code)
    if known is not None:
        draft.update(city=known.city, state=known.county, country=known.country)
