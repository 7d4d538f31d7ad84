"""The tables of the simulated organisation.

The standard account table and its neighbours with the delivered lengths
(learn.microsoft.com/power-apps/developer/data-platform/reference/entities/account and
.../transactioncurrency); with `dual_write` also the `msdyn_*` columns and tables of the public dual-write map
(learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/dual-write/customer-mapping).
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
ON_HOLD = {0: "No", 1: "Invoice", 2: "All", 3: "Payment", 4: "Requisition", 5: "Never"}
ALLOW = ("Allow", "Do Not Allow")


def organisation_tables(*, dual_write: bool = False) -> dict[str, Table]:
    """All tables by logical name."""
    columns = [*account_columns(), *(dual_write_columns() if dual_write else ())]
    tables = [
        table("account", "accounts", "name", columns, tracked=True, type_code=1),
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
        table("contact", "contacts", "fullname", _contact(), tracked=True, type_code=2),
        *(dual_write_tables() if dual_write else ()),
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
    return [text("fullname", 200), text("domainname", 1024), Column("applicationid", "Uniqueidentifier")]


def _contact() -> list[Column]:
    return [
        text("fullname", 160),
        text("firstname", 50),
        text("lastname", 50),
        text("emailaddress1", 100),
        text("msdyn_contactpersonid", 20),
    ]


def dual_write_columns() -> list[Column]:
    """The `msdyn_*` columns of account in the dual-write map."""
    return [
        lookup("msdyn_company", "cdm_company"),
        lookup("msdyn_customergroupid", "msdyn_customergroup"),
        lookup("msdyn_billingaccount", "account"),
        lookup("msdyn_paymentday", "msdyn_paymentday"),
        lookup("msdyn_customerpaymentmethod", "msdyn_customerpaymentmethod"),
        lookup("msdyn_paymentschedule", "msdyn_paymentschedule"),
        lookup("msdyn_paymentterms", "msdyn_paymentterm"),
        lookup("msdyn_salestaxgroup", "msdyn_taxgroup"),
        lookup("msdyn_vendor", "msdyn_vendor"),
        text("msdyn_creditrating", 10),
        text("msdyn_identificationnumber", 50),
        text("msdyn_partynumber", 40),
        text("msdyn_partycountry", 10),
        text("msdyn_partystateprovince", 10),
        text("msdyn_taxexemptnumber", 20),
        whole("msdyn_paymenttermsbasedays", 0, 2147483647),
        flag("msdyn_creditlimitismandatory"),
        flag("msdyn_isonetimecustomer"),
        choice("msdyn_onholdstatus", ON_HOLD, default=0),
        choice("msdyn_invoiceaddress", {1: "Invoice account", 2: "Order account"}),
    ]


def dual_write_tables() -> list[Table]:
    """The tables behind the dual-write lookups."""
    code = {"msdyn_customergroup": "msdyn_groupid", "msdyn_vendor": "msdyn_vendoraccountnumber"}
    named = ("paymentday", "customerpaymentmethod", "paymentschedule", "paymentterm", "taxgroup", "vendor")
    tables = [_small(f"msdyn_{name}", code.get(f"msdyn_{name}", "msdyn_name")) for name in named]
    tables.append(_small("msdyn_customergroup", "msdyn_groupid"))
    company = [text("cdm_companycode", 4, required=True), text("cdm_name", 100)]
    return [*tables, table("cdm_company", "cdm_companies", "cdm_companycode", company)]


def _small(name: str, key: str) -> Table:
    columns = [text(key, 60, required=True), lookup("msdyn_company", "cdm_company")]
    if key != "msdyn_name":
        columns.append(text("msdyn_name", 100))
    return table(name, f"{name}s", key, columns)
