"""Collections of the Dataverse Web API: filters, order, pages and their refusals."""

import pytest

from tests.contract.dynamics.simulator_stand import Stand

ACCOUNTS = [
    {"name": "Adventure Works", "accountnumber": "A-1", "numberofemployees": 10, "customertypecode": 3},
    {"name": "Blue Yonder", "accountnumber": "B-1", "numberofemployees": 200, "emailaddress1": "b@x.example"},
    {"name": "O'Reilly & Co", "accountnumber": "C-1", "statecode": 1, "statuscode": 2},
]


@pytest.fixture
async def filled(stand: Stand) -> Stand:
    await stand.seed(accounts=ACCOUNTS)
    return stand


async def numbers(stand: Stand, query: str) -> set[str]:
    answer = await stand.dataverse.get("accounts", params={"$select": "accountnumber", "$filter": query})
    assert answer.status_code == 200, answer.text
    return {row["accountnumber"] for row in answer.json()["value"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("accountnumber eq 'A-1'", {"A-1"}),
        ("name eq 'adventure works'", {"A-1"}),
        ("name eq 'O''Reilly & Co'", {"C-1"}),
        ("accountnumber ne 'A-1' and statecode eq 0", {"B-1"}),
        ("numberofemployees gt 10", {"B-1"}),
        ("numberofemployees ge 10 and numberofemployees le 200", {"A-1", "B-1"}),
        ("numberofemployees lt 11", {"A-1"}),
        ("numberofemployees eq null", {"C-1"}),
        ("not (statecode eq 0)", {"C-1"}),
        ("not contains(name,'yonder') and statecode eq 0", {"A-1"}),
        ("(accountnumber eq 'A-1' or accountnumber eq 'B-1') and statecode eq 0", {"A-1", "B-1"}),
        ("startswith(name,'blue') or endswith(name,'Co')", {"B-1", "C-1"}),
        ("createdon gt 2020-01-01 and createdon lt 2100-01-01T00:00:00Z", {"A-1", "B-1", "C-1"}),
        ("accountid eq 00000000-0000-0000-0000-000000000001", set()),
        ("emailaddress1 ne null", {"B-1"}),
    ],
)
async def test_filters_choose_rows(filled: Stand, query: str, expected: set[str]) -> None:
    assert await numbers(filled, query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "nosuchcolumn eq 1",
        "Name eq 'A'",
        "transactioncurrencyid eq 1",
        "accountid eq 'text'",
        "name eq 5",
        "name eq",
        "name eq 'open",
        "(name eq 'a'",
        "nosuchfunction(name)",
        "name has 'x'",
        "name eq 'a' name eq 'b'",
        "createdon gt 2020-13-01",
        "name",
    ],
)
async def test_filters_that_cannot_be_understood_are_400(filled: Stand, query: str) -> None:
    answer = await filled.dataverse.get("accounts", params={"$filter": query})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80060888")


@pytest.mark.parametrize(
    "params",
    [
        {"$select": "name,nosuchcolumn"},
        {"$select": "transactioncurrencyid"},
        {"$orderby": "nosuchcolumn"},
        {"$expand": "nosuchnavigation"},
        {"$expand": "transactioncurrencyid($select=nosuchcolumn)"},
        {"$skip": "1"},
        {"$top": "x"},
        {"$nosuchoption": "1"},
    ],
)
async def test_unknown_names_and_options_are_400(filled: Stand, params: dict[str, str]) -> None:
    answer = await filled.dataverse.get("accounts", params=params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80060888")


async def test_order_and_top(filled: Stand) -> None:
    params = {"$select": "name", "$orderby": "numberofemployees desc,name", "$top": "2"}
    body = (await filled.dataverse.get("accounts", params=params)).json()
    assert [row["name"] for row in body["value"]] == ["Blue Yonder", "Adventure Works"]


async def test_pages_follow_the_next_link_and_hold_every_row_once(stand: Stand) -> None:
    await stand.seed(accounts=[{"name": f"Account {n:02d}"} for n in range(23)])
    prefer = {"Prefer": "odata.maxpagesize=5"}
    link, names, pages = "accounts?$select=name&$orderby=name&$filter=statecode eq 0", [], 0
    while link:
        body = (await stand.dataverse.get(link, headers=prefer)).json()
        names += [row["name"] for row in body["value"]]
        link, pages = body.get("@odata.nextLink"), pages + 1
    assert names == [f"Account {n:02d}" for n in range(23)]
    assert pages == 5


async def test_a_page_size_over_5000_is_ignored(stand: Stand) -> None:
    await stand.seed(accounts=[{"name": f"{n}"} for n in range(5001)])
    body = (
        await stand.dataverse.get("accounts?$select=name", headers={"Prefer": "odata.maxpagesize=9000"})
    ).json()
    assert len(body["value"]) == 5000
    rest = (await stand.dataverse.get(body["@odata.nextLink"])).json()
    assert len(rest["value"]) == 1
    assert "@odata.nextLink" not in rest


async def test_a_broken_paging_cookie_is_400(stand: Stand) -> None:
    answer = await stand.dataverse.get("accounts", params={"$skiptoken": "zzz"})
    assert answer.status_code == 400
