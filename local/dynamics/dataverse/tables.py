"""The tables of the simulated organisation.

The standard account table and its neighbours with the delivered lengths
(learn.microsoft.com/power-apps/developer/data-platform/reference/entities/account and
.../transactioncurrency), and a table of the organisation's own: payment terms.
"""

from collections.abc import Iterator

from local.dynamics.dataverse.registration_tables import registration_tables
from local.dynamics.dataverse.schema import (
    Column,
    Table,
    choice,
    flag,
    lookup,
    memo,
    money,
    table,
    text,
    whole,
)

CUSTOMER_TYPES = {
    1: "Competitor",
    2: "Consultant",
    3: "Customer",
    4: "Investor",
    5: "Partner",
    6: "Influencer",
    7: "Press",
    8: "Prospect",
    9: "Reseller",
    10: "Supplier",
    11: "Vendor",
    12: "Other",
}
ALLOW = ("Allow", "Do Not Allow")


def organisation_tables() -> dict[str, Table]:
    """All tables by logical name."""
    tables = [
        table("account", "accounts", "name", account_columns(), tracked=True, type_code=1),
        table(
            "transactioncurrency",
            "transactioncurrencies",
            "currencyname",
            _currency(),
            tracked=True,
            type_code=9105,
        ),
        table("systemuser", "systemusers", "fullname", _user(), type_code=8),
        table("businessunit", "businessunits", "name", [text("name", 160)], type_code=10),
        table("organization", "organizations", "name", [text("name", 160), whole("languagecode")]),
        table("contact", "contacts", "fullname", _contact(), tracked=True, type_code=2),
        table("new_paymentterm", "new_paymentterms", "new_name", [text("new_name", 100)], type_code=10_100),
        *registration_tables(),
    ]
    return {one.name: one for one in tables}


def account_columns() -> list[Column]:
    """The columns of the standard account table that a synchronisation meets."""
    return [
        text("name", 160, required=True),
        text("accountnumber", 20),
        *(text(f"emailaddress{n}", 100) for n in (1, 2, 3)),
        *(text(f"telephone{n}", 50) for n in (1, 2, 3)),
        text("fax", 50),
        text("websiteurl", 200),
        text("ftpsiteurl", 200),
        text("primarytwitterid", 128),
        text("tickersymbol", 10),
        text("sic", 20),
        memo("description", 2000),
        whole("numberofemployees", 0, 1_000_000_000),
        lookup("transactioncurrencyid", "transactioncurrency"),
        Column("exchangerate", "Decimal", read_only=True),
        money("creditlimit"),
        money("creditlimit_base", read_only=True),
        money("revenue"),
        money("revenue_base", read_only=True),
        flag("creditonhold"),
        *_account_choices(),
        *_account_flags(),
        lookup("parentaccountid", "account"),
        lookup("primarycontactid", "contact"),
        lookup("new_paymenttermid", "new_paymentterm"),
        lookup("ownerid", "systemuser"),
        lookup("owninguser", "systemuser", read_only=True),
        lookup("owningbusinessunit", "businessunit", read_only=True),
        *(column for n in (1, 2) for column in _address(n)),
    ]


def _account_choices() -> list[Column]:
    contact = {1: "Any", 2: "Email", 3: "Phone", 4: "Fax", 5: "Mail"}
    terms = {1: "Net 30", 2: "2% 10, Net 30", 3: "Net 45", 4: "Net 60"}
    return [
        choice("customertypecode", CUSTOMER_TYPES),
        choice("accountcategorycode", {1: "Preferred Customer", 2: "Standard"}),
        choice("accountclassificationcode", 1, default=1),
        choice("accountratingcode", 1, default=1),
        choice("businesstypecode", 1, default=1),
        choice("customersizecode", 1, default=1),
        choice("industrycode", 33),
        choice("ownershipcode", {1: "Public", 2: "Private", 3: "Subsidiary", 4: "Other"}),
        choice("paymenttermscode", terms),
        choice("preferredcontactmethodcode", contact, default=1),
        choice("shippingmethodcode", 1, default=1),
        choice("territorycode", 1, default=1),
    ]


def _account_flags() -> list[Column]:
    return [
        *(flag(f"donot{what}", *ALLOW) for what in ("bulkemail", "email", "fax", "phone", "postalmail")),
        flag("donotbulkpostalmail"),
        flag("donotsendmm", "Send", "Do Not Send"),
        flag("followemail", "Do Not Allow", "Allow", default=True),
        flag("marketingonly"),
        flag("merged"),
        flag("participatesinworkflow"),
        flag("isprivate"),
    ]


def _address(number: int) -> Iterator[Column]:
    prefix = f"address{number}"
    first = {1: "Bill To", 2: "Ship To", 3: "Primary", 4: "Other"}
    yield text(f"{prefix}_name", 200)
    yield choice(f"{prefix}_addresstypecode", first if number == 1 else 1, default=None if number == 1 else 1)
    for line in (1, 2, 3):
        yield text(f"{prefix}_line{line}", 250)
    for part, length in _ADDRESS_LENGTHS.items():
        yield text(f"{prefix}_{part}", length)
    yield Column(f"{prefix}_latitude", "Decimal", low=-90, high=90)
    yield Column(f"{prefix}_longitude", "Decimal", low=-180, high=180)


_ADDRESS_LENGTHS = {
    "city": 80,
    "stateorprovince": 50,
    "county": 50,
    "postalcode": 20,
    "postofficebox": 20,
    "country": 80,
    "telephone1": 50,
    "fax": 50,
}


def _currency() -> list[Column]:
    return [
        text("currencyname", 100, required=True),
        text("isocurrencycode", 5, required=True),
        text("currencysymbol", 13, required=True),
        whole("currencyprecision", 0, 4, default=2),
        Column("exchangerate", "Decimal", low=1e-10, high=100_000_000_000, default=1),
    ]


def _user() -> list[Column]:
    return [
        text("fullname", 200),
        text("domainname", 1024),
        text("internalemailaddress", 100),
        text("employeeid", 100),
        Column("applicationid", "Uniqueidentifier"),
    ]


def _contact() -> list[Column]:
    return [
        text("fullname", 160),
        text("firstname", 50),
        text("lastname", 50),
        text("emailaddress1", 100),
        text("telephone1", 50),
        text("jobtitle", 100),
    ]
