"""NAV as the stand knows it: page 21 of one company as an OData V4 service."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import httpx

from local.erps.erp import HERE, Erp, Fields, Row

COMPANY, LOCAL_CURRENCY, USER = "CRONUS International Ltd.", "GBP", "ACCOUNTSYNC"
SERVICE = f"ODataV4/Company('{quote(COMPANY)}')/Customer"
LOOK_UP = """\
  curl -s --fail --retry 60 --retry-delay 1 --retry-all-errors -H "Authorization: {authorization}" \\
    "{url}/{service}('{number}')"
"""
FIELDS = Fields(
    number="No",
    name="Name",
    phone="Phone_No",
    email="E_Mail",
    website="Home_Page",
    city="City",
    post_code="Post_Code",
    country="Country_Region_Code",
    currency="Currency_Code",
    terms="Payment_Terms_Code",
    hold="Blocked",
)


def _settings(url: str, token: str) -> dict[str, str]:
    return {
        "TARGET": "nav",
        "FIELD_MAP": "nav",
        "NAV_URL": url,
        "NAV_COMPANY": COMPANY,
        "NAV_USER": USER,
        "NAV_ACCESS_KEY": token,
        "NAV_LOCAL_CURRENCY": LOCAL_CURRENCY,
        "LONGEST_REQUEST_SECONDS": "960",
    }


def _authorization(token: str) -> str:
    return f"Basic {b64encode(f'{USER}:{token}'.encode()).decode()}"


def _reference_data(codes: Iterable[str]) -> dict[str, Any]:
    """The company's own currency is not among the others."""
    return {
        "currencies": [{"Code": code, "Description": code} for code in codes if code != LOCAL_CURRENCY],
    }


def _numbering(assigned: bool) -> dict[str, Any]:
    return {"manual_numbers": not assigned}


async def _customers(client: httpx.AsyncClient) -> list[Row]:
    url: str | None = SERVICE
    found: list[Row] = []
    while url:
        page = (await client.get(url)).raise_for_status().json()
        found += page["value"]
        url = page.get("@odata.nextLink")
    return found


NAV = Erp(
    target="nav",
    title="NAV",
    settings=_settings,
    fields=FIELDS,
    constants={},
    values={"hold": {"No": "_x0020_"}, "currency": {LOCAL_CURRENCY: ""}},
    local_currency=LOCAL_CURRENCY,
    terms=("14 DAYS", "1M(8D)", "CM", "COD"),
    assigned_map=HERE / "nav-assigned.toml",
    id_field="Account_Id",
    parent="Bill_to_Customer_No",
    authorization=_authorization,
    reference_data=_reference_data,
    numbering=_numbering,
    inserts_first=True,
    customers=_customers,
    look_up=LOOK_UP.replace("{service}", SERVICE),
)
