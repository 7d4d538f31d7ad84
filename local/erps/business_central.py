"""Business Central as the stand knows it: the customers of one company over API v2.0."""

from collections.abc import Iterable
from typing import Any

import httpx

from local.erps.erp import HERE, Erp, Fields, Row

COMPANY, LOCAL_CURRENCY = "CRONUS USA, Inc.", "USD"
API, OWN_API = "api/v2.0", "api/contoso/sync/v1.0"
# The table Post Code: a code that stands there decides city and country.
POST_CODES = {
    "DK-2100": ("København Ø", "DK"),
    "DE-20097": ("Hamburg", "DE"),
    "FR-75001": ("Paris", "FR"),
}
# In the simulator ids are the same in every run.
COMPANY_ID = "b9bdcee5-d3c9-5567-88af-fbafb714f345"
TERMS = {
    "": "00000000-0000-0000-0000-000000000000",
    "14 DAYS": "db5b5fab-8f4d-4e27-9da1-494c73cf256d",
    "1M(8D)": "73ab4876-7734-47c1-87fd-e805ec99108d",
    "CM": "309d6b79-965e-4a32-9ae4-45508201e2bd",
    "COD": "79cb9e86-830c-41c2-8dcc-69292f45e678",
}
LOOK_UP = """\
  until curl -s -G -H "Authorization: {authorization}" --data-urlencode "\\$filter=number eq '{number}'" \\
    "{url}/api/v2.0/companies({company})/customers" | grep {number}; do sleep 1; done
"""
FIELDS = Fields(
    number="number",
    name="displayName",
    phone="phoneNumber",
    email="email",
    website="website",
    city="city",
    post_code="postalCode",
    country="country",
    currency="currencyCode",
    terms="paymentTermsId",
    hold="blocked",
)


def _settings(url: str, _token: str) -> dict[str, str]:
    return {
        "TARGET": "business-central",
        "FIELD_MAP": "business-central",
        "BUSINESS_CENTRAL_URL": url,
        "BUSINESS_CENTRAL_COMPANY": COMPANY,
        "SYNC_PARTITIONS": "4",
        "LONGEST_REQUEST_SECONDS": "960",
    }


def _authorization(token: str) -> str:
    return f"Bearer {token}"


def _reference_data(codes: Iterable[str]) -> dict[str, Any]:
    """The ledger's own currency is not among the others."""
    return {
        "currencies": [{"code": code, "displayName": code} for code in codes if code != LOCAL_CURRENCY],
        "post_codes": [
            {"code": code, "city": city, "country": country} for code, (city, country) in POST_CODES.items()
        ],
    }


def _numbering(assigned: bool) -> dict[str, Any]:
    return {"companies": [{"name": COMPANY, "manual_numbers": not assigned}]}


async def _company(client: httpx.AsyncClient) -> str:
    """The address of the company, below that of the environment."""
    query = {"$filter": f"name eq '{COMPANY}'", "$select": "id,name"}
    (row,) = (await client.get(f"{API}/companies", params=query)).raise_for_status().json()["value"]
    return f"companies({row['id']})"


async def _customers(client: httpx.AsyncClient) -> list[Row]:
    url: str | None = f"{API}/{await _company(client)}/customers"
    found: list[Row] = []
    while url:
        page = (await client.get(url)).raise_for_status().json()
        found += page["value"]
        url = page.get("@odata.nextLink")
    return found


async def _rename(client: httpx.AsyncClient, customer: Row, number: str) -> httpx.Response:
    """Another number in a PATCH renames the customer; it keeps its id."""
    url = f"{API}/{await _company(client)}/customers({customer['id']})"
    return await client.patch(url, json={"number": number}, headers={"If-Match": "*"})


BUSINESS_CENTRAL = Erp(
    target="business-central",
    title="Business Central",
    settings=_settings,
    fields=FIELDS,
    constants={},
    values={"hold": {"No": "_x0020_"}, "terms": TERMS},
    terms=("14 DAYS", "1M(8D)", "CM", "COD"),
    post_codes=POST_CODES,
    assigned_map=HERE / "business-central-assigned.toml",
    assigned_settings={"BUSINESS_CENTRAL_API_PATH": OWN_API},
    id_field="accountId",
    own_id="id",
    authorization=_authorization,
    reference_data=_reference_data,
    numbering=_numbering,
    customers=_customers,
    look_up=LOOK_UP.replace("{company}", COMPANY_ID),
    rename=_rename,
)
