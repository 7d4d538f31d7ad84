"""The OData web services of the simulated NAV: addresses, pages, refusals and both protocols."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from local.dynamics.nav.environment import CRONUS, Environment
from local.dynamics.simulator import Options
from tests.contract.dynamics.simulator_stand import TOKEN, TRUST, Stand, start

OTHER = "O'Neil & Söhne/AG"
SENT = {"No": "c-1", "Name": "Contoso", "Currency_Code": "eur", "Country_Region_Code": "DE"}


@dataclass(frozen=True, slots=True)
class Service:
    """The simulated NAV, with one client and short ways to a customer."""

    stand: Stand
    http: httpx.AsyncClient

    @property
    def environment(self) -> Environment:
        return self.stand.simulator.nav.environment

    async def get(self, path: str, company: str = CRONUS, **query: str) -> httpx.Response:
        return await self.http.get(address(path, company), params=query)

    async def post(self, company: str = CRONUS, **values: object) -> httpx.Response:
        return await self.http.post(address("Customer", company), json=SENT | values)

    async def change(self, number: str = "C-1", tag: str | None = "*", **values: object) -> httpx.Response:
        headers = {} if tag is None else {"If-Match": tag}
        return await self.http.patch(address(f"Customer('{number}')"), json=values, headers=headers)

    async def row(self, number: str = "C-1") -> dict[str, Any]:
        return (await self.get(f"Customer('{number}')")).json()


def address(path: str, company: str = CRONUS, root: str = "ODataV4") -> str:
    return f"{root}/Company('{quote(company.replace(chr(39), chr(39) * 2), safe='')}')/{path}"


@pytest.fixture
async def nav() -> AsyncIterator[Service]:
    stand = await start(Options(token=TOKEN))
    currencies = [
        {"company": company, "Code": code} for company in (CRONUS, OTHER) for code in ("EUR", "USD")
    ]
    codes = [
        {"code": "10115", "city": "Berlin", "country": "DE", "county": "BE"},
        {"code": "10115", "city": "New York", "country": "US", "county": "NY"},
    ]
    await stand.seed(nav={"currencies": currencies, "post_codes": codes})
    url = stand.addresses["nav"]
    async with httpx.AsyncClient(base_url=f"{url}/", auth=("ACCOUNTSYNC", TOKEN), verify=TRUST) as http:
        yield Service(stand, http)
    await stand.close()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("path", "company", "expected"),
    [
        ("Customer", "cronus international ltd.", (404, "Internal_CompanyNotFound")),
        ("Customer", "Nobody", (404, "Internal_CompanyNotFound")),
        ("Customers", CRONUS, (404, "BadRequest_ResourceNotFound")),
        ("Customer('C-9')", CRONUS, (404, "BadRequest_ResourceNotFound")),
        ("Customer(x)", CRONUS, (400, "BadRequest")),
        ("Customer?$select=Nothing", CRONUS, (400, "BadRequest")),
        ("Customer?$expand=Lines", CRONUS, (400, "BadRequest")),
    ],
)
async def test_addresses_that_lead_nowhere(
    nav: Service, path: str, company: str, expected: tuple[int, str]
) -> None:
    assert code(await nav.http.get(address(path, company))) == expected


async def test_a_page_that_is_not_published_is_not_there(nav: Service) -> None:
    assert [row["Code"] for row in (await nav.get("Currencies")).json()["value"]] == ["EUR", "USD"]
    del nav.environment.services["Currencies"]
    assert (await nav.get("Currencies")).status_code == 404


async def test_company_names_of_any_signs_have_their_own_customers(nav: Service) -> None:
    assert (await nav.post(OTHER, Name="Fabrikam")).status_code == 201
    assert (await nav.get("Customer('C-1')", OTHER)).json()["Name"] == "Fabrikam"
    assert (await nav.get("Customer('C-1')")).status_code == 404
    names = (await nav.http.get("ODataV4/Company")).json()["value"]
    assert {row["Name"] for row in names} == {CRONUS, OTHER}


async def test_only_the_user_with_its_access_key_gets_in(nav: Service) -> None:
    for auth in (("ACCOUNTSYNC", "wrong"), ("OTHER", TOKEN)):
        answer = await nav.http.get(address("Customer"), auth=auth)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm=""')


async def test_a_post_answers_the_row_with_codes_in_upper_case(nav: Service) -> None:
    answer = await nav.post(Post_Code=" ab 1 ", Blocked="_x0020_")
    row = answer.json()
    assert answer.status_code == 201
    assert (row["No"], row["Currency_Code"], row["Post_Code"]) == ("C-1", "EUR", "AB 1")
    assert (row["Blocked"], row["Search_Name"], row["Credit_Limit_LCY"]) == ("_x0020_", "CONTOSO", 0)
    assert row["@odata.etag"].startswith('W/"')


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"Name": "x" * 51}, "Application_StringExceededLength"),
        ({"Currency_Code": "GBP"}, "Internal_InvalidTableRelation"),
        ({"Country_Region_Code": "XX"}, "Internal_InvalidTableRelation"),
        ({"E_Mail": "nobody"}, "Application_DialogException"),
        ({"Blocked": " "}, "Application_EvaluateException"),
        ({"Blocked": "Never"}, "Application_EvaluateException"),
        ({"Balance_LCY": 1}, "BadRequest_InvalidOperation"),
        ({"Nothing": 1}, "BadRequest"),
        ({"Name": 1}, "BadRequest"),
        ({"Credit_Limit_LCY": "much"}, "BadRequest"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused(
    nav: Service, values: dict[str, Any], expected: str
) -> None:
    nav.environment.insert_first = False
    assert code(await nav.post(**values)) == (400, expected)
    assert (await nav.get("Customer('C-1')")).status_code == 404
    await nav.post()
    before = await nav.row()
    assert code(await nav.change(City="x", **values)) == (400, expected)
    assert await nav.row() == before


async def test_a_refused_post_leaves_the_row_with_what_was_validated_before(nav: Service) -> None:
    answer = await nav.post(Address="Street 1", E_Mail="nobody", City="Berlin")
    assert code(answer) == (400, "Application_DialogException")
    row = await nav.row()
    assert (row["Name"], row["Address"], row["E_Mail"], row["City"]) == ("Contoso", "Street 1", "", "")
    nav.environment.refuse_creates = 1
    assert code(await nav.post(No="C-2")) == (400, "Application_CallbackNotAllowed")
    assert (await nav.row("C-2"))["Name"] == ""
    assert (await nav.post(No="C-3")).status_code == 201


async def test_numbers_are_given_once_or_drawn(nav: Service) -> None:
    await nav.post()
    assert code(await nav.post(No="C-1 ", Name="New")) == (400, "Internal_EntityWithSameKeyExists")
    nav.environment.companies[CRONUS].numbers.manual = False
    assert code(await nav.post(No="C-2")) == (400, "Application_DialogException")
    drawn = [(await nav.post(No="", Account_Id=f"id-{n}")).json()["No"] for n in (1, 2)]
    assert drawn == ["C00010", "C00020"]
    found = (await nav.get("Customer", **{"$filter": "Account_Id eq 'id-2'", "$select": "No"})).json()[
        "value"
    ]
    assert [row["No"] for row in found] == ["C00020"]


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        ({"Country_Region_Code": ""}, {"Post_Code": "10115"}, ("DE", "Berlin")),
        ({"Country_Region_Code": "US"}, {"Post_Code": "10115"}, ("US", "New York")),
        ({"Country_Region_Code": "FR", "City": "Paris"}, {"Post_Code": "10115"}, ("DE", "Berlin")),
        ({"Post_Code": "10115"}, {"Country_Region_Code": "US"}, ("US", "New York")),
        ({"Post_Code": "10115"}, {"Country_Region_Code": "FR"}, ("FR", "Berlin")),
        ({"Post_Code": "10115"}, {"Country_Region_Code": ""}, ("", "Berlin")),
        ({"Post_Code": "75001", "City": "Paris"}, {"City": "Berlin"}, ("DE", "Berlin")),
        ({"Post_Code": "75001", "City": "Paris"}, {"Post_Code": "75002"}, ("DE", "Paris")),
        ({}, {"Post_Code": "10115", "City": "Potsdam"}, ("DE", "Potsdam")),
    ],
)
async def test_a_post_code_that_is_known_fills_the_address(
    nav: Service, before: dict[str, str], change: dict[str, str], expected: tuple[str, str]
) -> None:
    await nav.post(**before)
    row = (await nav.change(**change)).json()
    assert (row["Country_Region_Code"], row["City"]) == expected


async def test_a_change_needs_a_version(nav: Service) -> None:
    old = (await nav.post()).json()["@odata.etag"]
    assert (await nav.change(tag=old, City="a")).json()["City"] == "a"
    assert code(await nav.change(tag=old, City="b")) == (409, "Request_EntityChanged")
    assert code(await nav.change(tag=None, City="b")) == (400, "BadRequest_InvalidToken")
    assert (await nav.change(City="b")).status_code == 200
    nav.environment.star = False
    assert code(await nav.change(City="c")) == (400, "BadRequest_InvalidToken")
    assert (await nav.row())["City"] == "b"


async def test_a_change_of_the_number_renames_the_customer(nav: Service) -> None:
    await nav.post()
    await nav.post(No="C-2")
    assert code(await nav.change(No="C-2")) == (400, "Internal_EntityWithSameKeyExists")
    assert (await nav.change(No="c-3")).json()["No"] == "C-3"
    assert (await nav.get("Customer('C-1')")).status_code == 404
    assert (await nav.row("C-3"))["Name"] == "Contoso"


async def test_a_long_list_comes_in_pages(nav: Service) -> None:
    nav.environment.page_size = 2
    for number in ("C-1", "C-2", "C-3", "C-4", "C''5"):
        await nav.post(No=number)
    pages, link = list[int](), str(nav.http.base_url) + address("Customer?$select=No")
    while link:
        page = (await nav.http.get(link)).json()
        pages.append(len(page["value"]))
        link = page.get("@odata.nextLink")
    assert pages == [2, 2, 1]


async def test_an_asterisk_in_a_filter_is_a_wildcard(nav: Service) -> None:
    for number in ("A-1", "A-2", "B-1"):
        await nav.post(No=number)
    found = (await nav.get("Customer", **{"$filter": "No eq 'a*'"})).json()["value"]
    assert [row["No"] for row in found] == ["A-1", "A-2"]


async def test_v3_speaks_json_only_where_it_is_asked_for(nav: Service) -> None:
    path, json = address("Customer", root="OData"), {"Accept": "application/json"}
    answer = await nav.http.post(path, json=SENT, headers={"Accept": "*/*"})
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/atom+xml;charset=utf-8")
    listed = (await nav.http.get(path, headers=json)).json()["value"]
    assert listed == (await nav.http.get(f"{path}?$format=json")).json()["value"]
    assert listed[0]["Credit_Limit_LCY"] == "0"
    tag = f"W/\"'{quote(listed[0]['ETag'], safe='')}'\""
    one = address("Customer('C-1')", root="OData")
    for method, wanted, expected in (
        ("PATCH", tag, 204),
        ("MERGE", tag, 412),
        ("MERGE", "*", 204),
        ("PUT", "*", 405),
    ):
        sent = {"City": method, "Credit_Limit_LCY": "2.5"}
        answer = await nav.http.request(method, one, json=sent, headers=json | {"If-Match": wanted})
        assert answer.status_code == expected
    assert (await nav.row())["Credit_Limit_LCY"] == 2.5
    nav.environment.v3_patch = False
    answer = await nav.http.patch(one, json={"City": "x"}, headers=json | {"If-Match": "*"})
    assert answer.status_code == 405
    assert answer.json()["odata.error"]["code"] == ""


async def test_deleted_rows_and_states_are_seen_through_the_control_endpoint(nav: Service) -> None:
    await nav.post()
    state = (await nav.stand.control.get("/state", params={"system": "nav"})).json()["nav"]
    assert [(row["company"], row["No"]) for row in state["customers"]] == [(CRONUS, "C-1")]
    answer = await nav.http.delete(address("Customer('C-1')"), headers={"If-Match": "*"})
    assert answer.status_code == 204
    await nav.stand.settings(nav={"insert_first": False, "manual_numbers": False})
    assert code(await nav.post()) == (400, "Application_DialogException")
    await nav.stand.seed(reset=True)
    state = (await nav.stand.control.get("/state", params={"system": "nav"})).json()["nav"]
    assert state == {"customers": [], "currencies": []}


async def test_an_ordered_refusal_leaves_the_number_and_the_second_key(nav: Service) -> None:
    nav.environment.refuse_creates = 1
    answer = await nav.http.post(address("Customer"), json={"Account_Id": "id-1", "Name": "Contoso"})
    assert code(answer) == (400, "Application_CallbackNotAllowed")
    assert ((await nav.row("C00010"))["Account_Id"], (await nav.row("C00010"))["Name"]) == ("ID-1", "")
