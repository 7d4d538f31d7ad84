"""The API pages of the simulated environment.

`api/v2.0` as documented (learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/
resources/dynamics_customer, dynamics_currency, dynamics_paymentterm, dynamics_generalledgersetup,
dynamics_company). Page 30009 is
not extensible, so a partner's field is on a page of the partner's own: `api/contoso/sync/v1.0` has the same
customers with the field `accountId` (".../dev-itpro/developer/devenv-develop-custom-api").
"""

from collections.abc import Iterator

from local.dynamics.business_central.schema import Entity, Property, code, fixed, properties, text

BLANK = "_x0020_"
BLOCKED = (BLANK, "Ship", "Invoice", "All")


def _customer() -> Iterator[Property]:
    yield fixed("id", "Guid")
    yield code("number", 20, "No.")
    yield text("displayName", 100, "Name")
    yield Property("type", "Enum", caption="Contact Type", values=("Company", "Person"))
    yield text("addressLine1", 100, "Address")
    yield text("addressLine2", 50, "Address 2")
    yield text("city", 30, "City")
    yield text("state", 30, "County")
    yield code("country", 10, "Country/Region Code")
    yield code("postalCode", 20, "Post Code")
    yield text("phoneNumber", 30, "Phone No.")
    yield text("email", 80, "Email")
    yield text("website", 80, "Home Page")
    yield code("salespersonCode", 20, "Salesperson Code")
    yield fixed("balanceDue", "Decimal")
    yield Property("creditLimit", "Decimal", caption="Credit Limit (LCY)")
    yield Property("taxLiable", "Boolean", caption="Tax Liable")
    yield fixed("taxAreaDisplayName", "Text")
    yield Property("taxRegistrationNumber", "Code", 20, "VAT Registration No.")
    yield Property("currencyId", "Guid", caption="Currency Id")
    yield Property("currencyCode", "Code", caption="Currency Code")
    yield Property("paymentTermsId", "Guid", caption="Payment Terms Id")
    yield Property("blocked", "Enum", caption="Blocked", values=BLOCKED)
    yield fixed("lastModifiedDateTime", "DateTimeOffset")


def _with_account() -> Iterator[Property]:
    yield from _customer()
    yield text("accountId", 36, "Account Id")


def _currency() -> Iterator[Property]:
    yield fixed("id", "Guid")
    yield code("code", 10, "Code")
    yield text("displayName", 30, "Description")
    yield text("symbol", 10, "Symbol")
    yield text("amountDecimalPlaces", 5)
    yield Property("amountRoundingPrecision", "Decimal")
    yield fixed("lastModifiedDateTime", "DateTimeOffset")


def _payment_term() -> Iterator[Property]:
    yield fixed("id", "Guid")
    yield code("code", 10, "Code")
    yield text("displayName", 100, "Description")
    yield text("dueDateCalculation", 32)
    yield fixed("lastModifiedDateTime", "DateTimeOffset")


def _ledger() -> Iterator[Property]:
    yield fixed("id", "Guid")
    yield fixed("localCurrencyCode", "Code")
    yield fixed("localCurrencySymbol", "Text")
    yield fixed("lastModifiedDateTime", "DateTimeOffset")


def _company() -> Iterator[Property]:
    yield fixed("id", "Guid")
    yield fixed("systemVersion", "Text")
    yield fixed("name", "Text")
    yield fixed("displayName", "Text")
    yield fixed("businessProfileId", "Text")


COMPANIES = Entity("company", "companies", properties(_company()), "name")
CUSTOMERS = Entity("customer", "customers", properties(_customer()), "number")
CUSTOMERS_WITH_ACCOUNT = Entity("customer", "customers", properties(_with_account()), "number")
CURRENCIES = Entity("currency", "currencies", properties(_currency()), "code")
PAYMENT_TERMS = Entity("paymentTerm", "paymentTerms", properties(_payment_term()), "code")
LEDGER = Entity("generalLedgerSetup", "generalLedgerSetup", properties(_ledger()), "id")

APIS: dict[str, dict[str, Entity]] = {
    "api/v2.0": {
        "customers": CUSTOMERS,
        "currencies": CURRENCIES,
        "paymentTerms": PAYMENT_TERMS,
        "generalLedgerSetup": LEDGER,
    },
    "api/contoso/sync/v1.0": {"customers": CUSTOMERS_WITH_ACCOUNT},
}
"""The API pages of a company by the path of their API."""
