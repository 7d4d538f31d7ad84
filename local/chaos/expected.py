"""What must stand in Operations, from the rows of Sales by a literal map; the app has no part in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from local.chaos.conditions import COMPANY, COUNTRIES, CURRENCIES, GROUP

CODES = {currency.crm: currency.code for currency in CURRENCIES}
ALL_CODES = {currency.crm: {currency.code, currency.at_first} for currency in CURRENCIES}
TEXTS = {
    "OrganizationName": "name",
    "PrimaryContactPhone": "telephone1",
    "PrimaryContactEmail": "emailaddress1",
    "PrimaryContactURL": "websiteurl",
    "AddressCity": "address1_city",
}
COUNTRY, CURRENCY, HOLD = "AddressCountryRegionISOCode", "SalesCurrencyCode", "OnHoldStatus"
CONSTANTS = {"CustomerGroupId": GROUP, "PartyType": "Organization", "dataAreaId": COMPANY}
FIELDS = (*TEXTS, COUNTRY, CURRENCY, HOLD, *CONSTANTS)
INACTIVE = 1


def customer_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The customer of an account that stands in Sales."""
    return {
        **{name: row[column] or "" for name, column in TEXTS.items()},
        **CONSTANTS,
        COUNTRY: COUNTRIES[row["address1_country"]],
        CURRENCY: CODES[row["currency"]],
        HOLD: "All" if row["statecode"] == INACTIVE else "No",
    }


def differences(row: Mapping[str, Any], customer: Mapping[str, Any]) -> Iterator[str]:
    """Each field in which the customer differs from the account."""
    for name, wanted in customer_of(row).items():
        if customer[name] != wanted:
            yield f"{name} is {customer[name]!r}, expected {wanted!r}"


def never_written(versions: list[dict[str, Any]], customer: Mapping[str, Any]) -> Iterator[str]:
    """For a deleted account: each field that it never had, and a hold that is not set."""
    if customer[HOLD] != "All":
        yield f"{HOLD} is {customer[HOLD]!r}, expected 'All' because the account was deleted"
    for name, column in TEXTS.items():
        if customer[name] not in {version[column] for version in versions}:
            yield f"{name} is {customer[name]!r}, which the account never had"
    codes = {code for version in versions for code in ALL_CODES[version["currency"]]}
    if customer[CURRENCY] not in codes:
        yield f"{CURRENCY} is {customer[CURRENCY]!r}, which the account never had"
