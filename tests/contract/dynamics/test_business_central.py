"""Business Central's API: what it does with values, how it refuses, how it pages and how it queues."""

import asyncio
from typing import Any

import httpx
import pytest

from local.dynamics.business_central.environment import MAIN
from tests.contract.dynamics.simulator_stand import TOKEN, TRUST, Stand

ANY = {"If-Match": "*"}


class Client:
    """A client of the first company's pages."""

    def __init__(self, stand: Stand, api: str = "api/v2.0", token: str = TOKEN) -> None:
        self.stand = stand
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{stand.addresses['business_central']}/{api}/"
        self.http = httpx.AsyncClient(base_url=url, headers=headers, verify=TRUST)
        company = stand.simulator.business_central.environment.companies[MAIN]
        self.path = f"companies({company.id})/customers"

    async def create(self, **values: Any) -> dict[str, Any]:
        answer = await self.http.post(self.path, json={"displayName": "Contoso", **values})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def change(self, row: dict[str, Any], **values: Any) -> httpx.Response:
        return await self.http.patch(f"{self.path}({row['id']})", json=values, headers=ANY)

    async def rows(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.http.get(self.path, params={f"${name}": text for name, text in query.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]


@pytest.fixture
async def client(stand: Stand) -> Client:
    await seed(stand, currencies=[{"code": "EUR"}, {"code": "GBP"}])
    return Client(stand)


async def seed(stand: Stand, **rows: Any) -> None:
    await stand.seed(business_central=rows)


def code_of(answer: httpx.Response) -> str:
    """The code of an error; the message must end with a correlation id."""
    error = answer.json()["error"]
    assert "CorrelationId" in error["message"]
    return error["code"]


async def test_a_customer_is_created_with_its_defaults(client: Client) -> None:
    row = await client.create(number=" c-1 ", country="us")
    assert (row["number"], row["country"], row["type"]) == ("C-1", "US", "Company")
    assert (row["blocked"], row["currencyCode"], row["balanceDue"]) == ("_x0020_", "USD", 0)
    assert row["@odata.etag"].startswith('W/"')
    assert (await client.http.get(f"{client.path}({row['id']})")).json() == row
    assert [one["id"] for one in await client.rows(filter="number eq 'c-1'")] == [row["id"]]


async def test_a_number_comes_from_the_series_if_none_is_given(client: Client) -> None:
    await client.create(number="C00002")
    assert [(await client.create())["number"] for _ in range(2)] == ["C00001", "C00003"]


async def test_a_series_without_manual_numbers_refuses_new_ones_and_tells_existing_ones(
    client: Client,
) -> None:
    await client.create(number="C-1")
    await seed(client.stand, companies=[{"name": MAIN, "manual_numbers": False}])
    for number, code in (("C-2", "Application_DialogException"), ("c-1", "Internal_EntityWithSameKeyExists")):
        answer = await client.http.post(client.path, json={"displayName": "x", "number": number})
        assert (answer.status_code, code_of(answer)) == (400, code)


async def test_a_change_needs_a_token_and_tells_a_stale_one(client: Client) -> None:
    row = await client.create()
    address, body = f"{client.path}({row['id']})", {"displayName": "New"}
    for headers in ({}, {"If-Match": "nonsense"}):
        answer = await client.http.patch(address, json=body, headers=headers)
        assert (answer.status_code, code_of(answer)) == (400, "BadRequest_InvalidToken")
    changed = await client.http.patch(address, json=body, headers={"If-Match": row["@odata.etag"]})
    assert (changed.status_code, changed.json()["displayName"]) == (200, "New")
    stale = await client.http.patch(address, json=body, headers={"If-Match": row["@odata.etag"]})
    assert (stale.status_code, code_of(stale)) == (409, "Request_EntityChanged")
    assert (await client.http.patch(address, json=body, headers=ANY)).status_code == 200


async def test_another_number_renames_the_customer(client: Client) -> None:
    row, other = await client.create(number="C-1"), await client.create(number="C-2")
    assert (await client.change(row, number="c-9")).json()["number"] == "C-9"
    assert await client.rows(filter="number eq 'C-1'") == []
    clash = await client.change(row, number="C-2")
    assert code_of(clash) == "Internal_EntityWithSameKeyExists"
    assert [one["id"] for one in await client.rows(filter="number eq 'C-2'")] == [other["id"]]


ADDRESS = {"country": "US", "postalCode": "98052", "city": "Redmond", "state": "WA"}


@pytest.mark.parametrize(
    ("order", "sent", "expected"),
    [
        ("body", {"country": "DE"}, ("DE", "", "", "")),
        ("body", {"country": ""}, ("", "", "", "")),
        ("body", {"country": "US"}, ("US", "98052", "Redmond", "WA")),
        ("body", {"city": "Berlin"}, ("US", "98052", "Berlin", "WA")),
        ("body", {"postalCode": "de-20097"}, ("DE", "DE-20097", "Hamburg", "")),
        ("body", {"postalCode": "10115"}, ("US", "10115", "Redmond", "WA")),
        ("body", {"country": "DE", "postalCode": "1", "city": "B"}, ("DE", "1", "B", "")),
        ("body", {"city": "B", "country": "DE"}, ("DE", "", "", "")),
        ("page", {"country": "DE", "postalCode": "1", "city": "B"}, ("DE", "1", "", "")),
    ],
)
async def test_a_part_of_an_address_changes_others(
    client: Client, order: str, sent: dict[str, str], expected: tuple[str, ...]
) -> None:
    await seed(client.stand, validation_order=order)
    row = await client.create(**ADDRESS)
    answer = (await client.change(row, **sent)).json()
    assert tuple(answer[name] for name in ADDRESS) == expected


async def test_a_ledger_that_requires_countries_keeps_the_address(client: Client) -> None:
    await seed(client.stand, companies=[{"name": MAIN, "keeps_address": True}])
    row = await client.create(**ADDRESS)
    assert (await client.change(row, country="DE")).json()["city"] == "Redmond"


@pytest.mark.parametrize(
    ("sent", "shown"), [("USD", "USD"), ("", "USD"), ("eur", "EUR"), ("EUR ", "EUR"), ("USD ", "USD")]
)
async def test_the_ledgers_currency_is_a_blank_and_reads_as_its_code(
    client: Client, sent: str, shown: str
) -> None:
    assert (await client.create(currencyCode=sent))["currencyCode"] == shown


@pytest.mark.parametrize(
    ("values", "code", "named"),
    [
        ({"currencyCode": "XXX"}, "Application_DialogException", '"currencyCode"'),
        ({"displayName": ""}, "Application_DialogException", '"displayName"'),
        ({"email": "nobody"}, "Application_DialogException", "nobody"),
        ({"phoneNumber": "1 ext. 2"}, "Application_FieldValidationException", "letters"),
        ({"country": "XX"}, "Internal_InvalidTableRelation", "Country/Region Code"),
        ({"salespersonCode": "XX"}, "Internal_InvalidTableRelation", "Salesperson"),
        ({"displayName": "x" * 101}, "Application_StringExceededLength", "100 characters"),
        ({"city": "x" * 31}, "Application_StringExceededLength", "30 characters"),
        ({"accountId": "x"}, "BadRequest", "accountId"),
        ({"balanceDue": 5}, "BadRequest_InvalidOperation", "balanceDue"),
        ({"type": "Robot"}, "BadRequest", "enumeration"),
        ({"city": 5}, "BadRequest", "Edm.String"),
    ],
)
async def test_a_value_that_does_not_fit_refuses_the_whole_request(
    client: Client, values: dict[str, Any], code: str, named: str
) -> None:
    row = await client.create(number="C-1", city="Redmond")
    created = await client.http.post(client.path, json={"displayName": "x", **values})
    for answer in (created, await client.change(row, website="x", **values)):
        assert (answer.status_code, code_of(answer)) == (400, code)
        assert named in answer.json()["error"]["message"]
    assert [(one["number"], one["website"]) for one in await client.rows()] == [("C-1", "")]


@pytest.mark.parametrize("blank", ["_x0020_", " ", ""])
async def test_a_blank_is_one_value_of_blocked(client: Client, blank: str) -> None:
    row = await client.create(blocked="Ship")
    assert (await client.change(row, blocked=blank)).json()["blocked"] == "_x0020_"


@pytest.mark.parametrize(
    "condition",
    ["blocked eq 'All'", "number eq 'x' or displayName eq 'x'", "nothing eq 'x'", "number eq"],
)
async def test_a_filter_that_cannot_be_applied_is_refused(client: Client, condition: str) -> None:
    assert (await client.http.get(client.path, params={"$filter": condition})).status_code == 400


async def test_filters_know_wildcards_and_one_field_with_or(client: Client) -> None:
    for number in ("A1", "A2", "B1"):
        await client.create(number=number)
    for condition in ("number eq 'a*'", "number eq 'A1' or number eq 'A2'", "startswith(number,'A')"):
        assert [row["number"] for row in await client.rows(filter=condition)] == ["A1", "A2"]


async def test_pages_follow_the_last_key_and_lose_no_row(client: Client) -> None:
    made = [(await client.create(number=f"C-{number}")) for number in range(5)]
    seen: list[str] = []
    url, prefer = f"{client.path}?$select=number", {"Prefer": "odata.maxpagesize=2"}
    while url:
        page = (await client.http.get(url, headers=prefer)).json()
        assert len(page["value"]) <= 2
        seen += [row["number"] for row in page["value"]]
        url = page.get("@odata.nextLink", "")
        await client.http.delete(f"{client.path}({made[1]['id']})")  # the last row of the first page
    assert seen == [f"C-{number}" for number in range(5)]


async def test_companies_and_currencies_are_listed_and_other_addresses_are_not_there(client: Client) -> None:
    companies = (await client.http.get("companies", params={"$select": "id,name"})).json()["value"]
    assert [set(row) for row in companies] == [{"id", "name"}] * 3
    (main,) = [row["id"] for row in companies if row["name"] == MAIN]
    company = f"companies({main})"
    currencies = (await client.http.get(f"{company}/currencies")).json()["value"]
    assert [row["code"] for row in currencies] == ["EUR", "GBP"]
    ledger = (await client.http.get(f"{company}/generalLedgerSetup")).json()["value"]
    assert [row["localCurrencyCode"] for row in ledger] == ["USD"]
    unknown = "11111111-1111-1111-1111-111111111111"
    for path, code in (
        (f"companies({unknown})/customers", "Internal_CompanyNotFound"),
        (f"{client.path}({unknown})", "Internal_RecordNotFound"),
        (f"{company}/vendors", "BadRequest_ResourceNotFound"),
    ):
        answer = await client.http.get(path)
        assert (answer.status_code, code_of(answer)) == (404, code)


async def test_the_tenant_may_be_left_out_but_not_the_environment(client: Client) -> None:
    root = client.stand.addresses["business_central"]
    tenant = client.stand.simulator.business_central.environment.tenant
    for url, status in ((root.replace(f"/{tenant}", ""), 200), (root.replace("/production", "/other"), 404)):
        assert (await client.http.get(f"{url}/api/v2.0/companies")).status_code == status


async def test_a_partners_page_has_the_same_customers_with_a_field_more(client: Client) -> None:
    partner = Client(client.stand, "api/contoso/sync/v1.0")
    row = await partner.create(number="C-1", accountId="a-1")
    assert [one["id"] for one in await partner.rows(filter="accountId eq 'A-1'")] == [row["id"]]
    (same,) = await client.rows()
    assert (same["id"], "accountId" in same) == (row["id"], False)


async def test_of_one_identity_five_requests_run_and_others_wait_or_are_turned_away(client: Client) -> None:
    simulator = client.stand.simulator
    simulator.latency["business_central"] = 500  # all requests are there before the first is answered
    simulator.business_central.queue.waiting = 4
    answers = await asyncio.gather(*(client.http.get(client.path) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [429] * 3
    simulator.latency["business_central"] = 1500
    simulator.business_central.queue.seconds = 0.1
    late = await asyncio.gather(*(client.http.get(client.path) for _ in range(7)))
    turned_away = [answer for answer in late if answer.status_code == 503]
    assert len(turned_away) == 2
    assert code_of(turned_away[0]) == "Application_QueueTimeout"
    state = (await client.stand.control.get("/state?system=business-central")).json()["business-central"]
    assert list(state["most_parallel_requests"].values()) == [9]


async def test_each_identity_is_counted_by_itself(client: Client) -> None:
    other = Client(client.stand, token="another")
    client.stand.simulator.latency["business_central"] = 50
    calls = [one.http.get(one.path) for one in (client, client, client, other)]
    statuses = [answer.status_code for answer in await asyncio.gather(*calls)]
    assert statuses == [200, 200, 200, 401]
    assert sorted(client.stand.simulator.business_central.queue.most.values()) == [1, 3]


async def test_a_request_without_a_token_is_no_identity(client: Client) -> None:
    assert (await client.http.get(client.path, headers={"Authorization": ""})).status_code == 401
    assert client.stand.simulator.business_central.queue.most == {}


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"status": 429, "retry_after": 7}, 429, "Application_TooManyRequests"),
        ({"status": 503, "code": "Internal_TenantUnavailable"}, 503, "Internal_TenantUnavailable"),
        ({"status": 500}, 500, "Internal_ServerError"),
        ({"status": 403}, 403, "Authorization_RequestDenied"),
    ],
)
async def test_faults_come_with_the_systems_own_body(
    client: Client, rule: dict[str, Any], status: int, code: str
) -> None:
    await client.stand.fault(system="business-central", kind="status", **rule)
    answer = await client.http.get(client.path)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert answer.headers.get("Retry-After", "") == str(rule.get("retry_after", ""))


async def test_a_gateway_answers_html_and_a_conflict_its_own_status(client: Client) -> None:
    for rule, status in (({"kind": "status", "status": 503}, 503), ({"kind": "conflict"}, 409)):
        await client.stand.fault(system="business-central", count=1, **rule)
        answer = await client.http.get(client.path)
        assert (answer.status_code, "html" in answer.headers["Content-Type"]) == (status, status == 503)
