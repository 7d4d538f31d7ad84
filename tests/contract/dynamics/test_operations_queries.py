"""Collections of the Operations OData service: filters, wildcards, enums, order and pages."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.contract.dynamics.simulator_stand import Stand


@pytest.fixture
async def filled(stand: Stand) -> Stand:
    customers = [
        {
            "CustomerAccount": "US-001",
            "OrganizationName": "Contoso Retail",
            "OnHoldStatus": "All",
            "CreditLimit": 5,
        },
        {"CustomerAccount": "US-002", "OrganizationName": "Fabrikam", "CreditLimit": 10.5},
        {"CustomerAccount": "US-003", "OrganizationName": "O'Reilly", "IsOneTimeCustomer": "Yes"},
    ]
    await stand.seed(customers=[{"dataAreaId": "usmf", **row} for row in customers])
    return stand


async def accounts(stand: Stand, query: str) -> list[str]:
    params = {"cross-company": "true", "$select": "CustomerAccount", "$filter": query}
    answer = await stand.operations.get("CustomersV3", params=params)
    assert answer.status_code == 200, answer.text
    assert all(set(row) == {"@odata.etag", "CustomerAccount"} for row in answer.json()["value"])
    return [row["CustomerAccount"] for row in answer.json()["value"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("dataAreaId eq 'USMF' and CustomerAccount eq 'us-002'", ["US-002"]),
        ("OrganizationName eq '*ont*'", ["US-001"]),
        ("OrganizationName eq 'Fab*'", ["US-002"]),
        ("OrganizationName ne '*o*'", ["US-002"]),
        ("OrganizationName eq 'O''Reilly'", ["US-003"]),
        ("OnHoldStatus eq Microsoft.Dynamics.DataEntities.CustVendorBlocked'All'", ["US-001"]),
        ("IsOneTimeCustomer ne Microsoft.Dynamics.DataEntities.NoYes'No'", ["US-003"]),
        ("CreditLimit gt 5", ["US-002"]),
        ("CreditLimit ge 5 and CreditLimit lt 10.5", ["US-001"]),
        ("not (CreditLimit eq 0)", ["US-001", "US-002"]),
        ("AddressValidFrom lt 2000-01-01T00:00:00Z", ["US-001", "US-002", "US-003"]),
    ],
)
async def test_filters_choose_rows(filled: Stand, query: str, expected: list[str]) -> None:
    assert await accounts(filled, query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "OnHoldStatus eq CustVendorBlocked'All'",
        "OnHoldStatus eq 'All'",
        "OnHoldStatus eq 2",
        "OnHoldStatus gt Microsoft.Dynamics.DataEntities.CustVendorBlocked'No'",
        "OnHoldStatus eq Microsoft.Dynamics.DataEntities.NoYes'No'",
        "NoSuchProperty eq 1",
        "customerAccount eq 'x'",
        "contains(OrganizationName,'x')",
        "CustomerAccount in ('a','b')",
        "CustomerAccount has 'a'",
    ],
)
async def test_filters_that_the_service_does_not_know_are_400(filled: Stand, query: str) -> None:
    answer = await filled.operations.get("CustomersV3", params={"cross-company": "true", "$filter": query})
    assert answer.status_code == 400
    assert answer.json()["error"]["innererror"]["message"].startswith(
        "The query specified in the URI is not valid."
    )


@pytest.mark.parametrize(
    "params", [{"$select": "Nope"}, {"$orderby": "Nope"}, {"$expand": "Nope"}, {"$top": "-1"}]
)
async def test_unknown_names_are_400(filled: Stand, params: dict[str, str]) -> None:
    assert (await filled.operations.get("CustomersV3", params=params)).status_code == 400


async def test_order_top_and_skip(filled: Stand) -> None:
    params = {"cross-company": "true", "$orderby": "CreditLimit desc", "$top": "1", "$skip": "1"}
    body = (await filled.operations.get("CustomersV3", params=params)).json()
    assert [row["CustomerAccount"] for row in body["value"]] == ["US-001"]


async def test_the_next_link_is_absolute_and_keeps_the_query(filled: Stand) -> None:
    await filled.settings(page_size=2)
    link, seen = "CustomersV3?cross-company=true&$select=CustomerAccount", []
    while link:
        body = (await filled.operations.get(link)).json()
        seen += [row["CustomerAccount"] for row in body["value"]]
        link = body.get("@odata.nextLink")
        if link:
            query = parse_qs(urlsplit(link).query)
            assert link.startswith(filled.addresses["operations"])
            assert (query["cross-company"], query["$select"]) == (["true"], ["CustomerAccount"])
    assert seen == ["US-001", "US-002", "US-003"]


async def test_an_unknown_entity_set_is_404(stand: Stand) -> None:
    assert (await stand.operations.get("Customers")).status_code == 404
