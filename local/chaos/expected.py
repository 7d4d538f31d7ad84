"""What must stand in the ERP, from the rows of Sales by a literal map; the app has no part in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from local.chaos import terms
from local.chaos.conditions import COUNTRIES, CURRENCIES
from local.erps.erp import Erp

CODES = {currency.crm: currency.code for currency in CURRENCIES}
ALL_CODES = {currency.crm: {currency.code, currency.at_first} for currency in CURRENCIES}
# By field, as in `local.erps.erp.Fields`, the column that its text comes from.
TEXTS = {
    "name": "name",
    "phone": "telephone1",
    "email": "emailaddress1",
    "website": "websiteurl",
    "city": "address1_city",
}
INACTIVE = 1


def texts_of(erp: Erp) -> dict[str, str]:
    """The names of the text fields in the ERP, each with its column."""
    return {getattr(erp.fields, name): column for name, column in TEXTS.items()}


def customer_of(erp: Erp, row: Mapping[str, Any]) -> dict[str, str]:
    """The customer of an account that stands in Sales."""
    texts = {name: row[column] or "" for name, column in TEXTS.items()}
    values = {
        **_place(erp, row),
        "currency": CODES[row["currency"]],
        "terms": terms.code_of(erp, row["terms"]),
        "hold": "All" if row["statecode"] == INACTIVE else "No",
    }
    return {**erp.constants, **erp.stored(**texts, **values)}


def _place(erp: Erp, row: Mapping[str, Any]) -> dict[str, str]:
    """The country, and the post code where the run has some: one that the ERP knows decides the country."""
    country = COUNTRIES[row["address1_country"]]
    if not erp.post_codes:
        return {"country": country}
    code = (row["address1_postalcode"] or "").upper()
    return {"post_code": code, "country": erp.post_codes.get(code, ("", country))[1]}


def differences(erp: Erp, row: Mapping[str, Any], customer: Mapping[str, Any]) -> Iterator[str]:
    """Each field in which the customer differs from the account."""
    for name, wanted in customer_of(erp, row).items():
        if customer[name] != wanted:
            yield f"{name} is {customer[name]!r}, expected {wanted!r}"


def never_written(erp: Erp, versions: list[dict[str, Any]], customer: Mapping[str, Any]) -> Iterator[str]:
    """For a deleted account: each field that it never had, and a hold that is not set."""
    hold, currency = erp.fields.hold, erp.fields.currency
    if customer[hold] != "All":
        yield f"{hold} is {customer[hold]!r}, expected 'All' because the account was deleted"
    for name, column in texts_of(erp).items():
        if customer[name] not in {version[column] for version in versions}:
            yield f"{name} is {customer[name]!r}, which the account never had"
    codes = {code for version in versions for code in ALL_CODES[version["currency"]]}
    if customer[currency] not in {erp.stored(currency=code)[currency] for code in codes}:
        yield f"{currency} is {customer[currency]!r}, which the account never had"
    name = erp.fields.terms
    codes = {code for version in versions for code in terms.codes_of(erp, version.get("terms", ""))}
    if customer[name] not in {erp.stored(terms=code)[name] for code in codes}:
        yield f"{name} is {customer[name]!r}, which the account never had"
