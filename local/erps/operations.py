"""Operations as the stand knows it: CustomersV3 of one legal entity over OData."""

from collections.abc import Iterable
from typing import Any

import httpx

from local.erps.erp import HERE, Erp, Fields, Row

COMPANY, GROUP = "usmf", "10"
COMPANIES = (COMPANY, "usrt", "demf", "frrt", "gbsi", "jpmf")
GROUPS = {GROUP: "Wholesale", "20": "Major", "30": "Retail", "40": "Internet", "80": "Other"}
FIELDS = Fields(
    number="CustomerAccount",
    name="OrganizationName",
    phone="PrimaryContactPhone",
    email="PrimaryContactEmail",
    website="PrimaryContactURL",
    city="AddressCity",
    post_code="AddressZipCode",
    country="AddressCountryRegionISOCode",
    currency="SalesCurrencyCode",
    terms="PaymentTerms",
    hold="OnHoldStatus",
)
LOOK_UP = """\
  curl -s --fail --retry 60 --retry-delay 1 --retry-all-errors -H "Authorization: {authorization}" \\
    "{url}/data/CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')?cross-company=true"
"""


def _settings(url: str, _token: str) -> dict[str, str]:
    return {
        "TARGET": "operations",
        "FIELD_MAP": "operations",
        "OPERATIONS_URL": url,
        "OPERATIONS_COMPANY": COMPANY,
        "OPERATIONS_CUSTOMER_GROUP": GROUP,
    }


def _authorization(token: str) -> str:
    return f"Bearer {token}"


def _reference_data(codes: Iterable[str]) -> dict[str, Any]:
    return {
        "currencies": [{"CurrencyCode": code, "Name": code} for code in codes],
        "groups": [
            {"dataAreaId": company, "CustomerGroupId": group, "Description": description}
            for company in COMPANIES
            for group, description in GROUPS.items()
        ],
    }


def _numbering(assigned: bool) -> dict[str, Any]:
    return {"companies": {COMPANY: {"number_sequence": {"manual": not assigned}}}}


async def _customers(client: httpx.AsyncClient) -> list[Row]:
    """All customers of all companies, asked for as any client of OData would."""
    url: str | None = "/data/CustomersV3?cross-company=true"
    found: list[Row] = []
    while url:
        page = (await client.get(url)).raise_for_status().json()
        found += page["value"]
        url = page.get("@odata.nextLink")
    return found


OPERATIONS = Erp(
    target="operations",
    title="Operations",
    settings=_settings,
    fields=FIELDS,
    constants={"CustomerGroupId": GROUP, "PartyType": "Organization", "dataAreaId": COMPANY},
    values={},
    terms=("Net30", "Net60", "Net15", "Net45"),
    assigned_map=HERE / "operations-assigned.toml",
    id_field="IdentificationNumber",
    parent="InvoiceAccount",
    authorization=_authorization,
    reference_data=_reference_data,
    numbering=_numbering,
    customers=_customers,
    look_up=LOOK_UP,
)
