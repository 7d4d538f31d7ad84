"""What only Business Central does: addresses, renames, blank currencies, blocks, ETags and companies."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.field_maps import load_field_map
from shared.model.customer import CustomerKey, FieldValue
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    Refused,
    TransientFault,
)
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause
from shared.targets.business_central.target import BusinessCentralTarget
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import Simulated
from tests.contract.targets.business_central import ASSIGNED, COMPANY, MAP, NAME, SYSTEM, adapter
from tests.contract.targets.business_central import BUSINESS_CENTRAL as ERP
from tests.fakes.clock import FakeClock

KEY = CustomerKey(COMPANY, "C-1")
FIELDS = ERP.fields
NO_LEDGER_CODE = "CRONUS O'Neil & Co. (50%)"
GERMAN: Mapping[str, FieldValue] = {
    "country": "DE",
    "postalCode": "10115",
    "city": "Berlin",
    "state": "BE",
    "addressLine1": "Platz 1",
}


@dataclass(slots=True)
class Connected:
    """The adapter against the simulator, and every request that it makes."""

    simulated: Simulated
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])

    def target(self, field_map: FieldMap = MAP, **options: Any) -> BusinessCentralTarget:
        own = self.simulated.clients[SYSTEM]

        async def note(request: httpx.Request) -> None:
            self.requests.append(request)

        http = httpx.AsyncClient(base_url=own.base_url, verify=False, event_hooks={"request": [note]})  # noqa: S501 - plain HTTP
        client = ODataClient(SYSTEM, http, FixedToken(self.simulated.token), FakeClock())
        return adapter(client, field_map, **options)

    def seed(self, **rows: Any) -> None:
        self.simulated.state(business_central=rows)

    def fault(self, kind: str = "status", **rule: Any) -> None:
        self.simulated.fault(SYSTEM, kind, **rule)

    def sent(self, method: str) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests if request.method == method]


@pytest.fixture
def connected(simulated: Simulated) -> Connected:
    simulated.start_anew()
    return Connected(simulated)


async def test_every_request_pins_its_language_and_reads_name_their_fields(connected: Connected) -> None:
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    await target.update(created.key, {"city": "x"})
    await target.find(created.key)
    await target.find(KEY)
    await target.knows_currency("XXX")
    await target.probe()
    assert {request.headers["Accept-Language"] for request in connected.requests} == {"en-US"}
    reads = [request.url for request in connected.requests if request.method == "GET"]
    assert len(reads) >= 6
    assert all("$select" in url.params for url in reads)


# --- the address ---


@pytest.mark.parametrize(("order", "changes"), [("body", 1), ("page", 2)])
async def test_an_address_arrives_whole_in_whatever_order_it_is_validated(
    connected: Connected, order: str, changes: int
) -> None:
    connected.seed(validation_order=order)
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    changed = await target.update(created.key, GERMAN)
    assert GERMAN.items() <= changed.fields.items()
    assert GERMAN.items() <= (await _fields(target, created.key)).items()
    assert len(connected.sent("PATCH")) == changes
    assert [*connected.sent("PATCH")[0]] == [*GERMAN]


@pytest.mark.parametrize(("order", "expected"), [("body", ("DE", "Berlin")), ("page", ("DE", "Hamburg"))])
async def test_what_a_known_post_code_decides_is_answered_and_not_fought(
    connected: Connected, order: str, expected: tuple[str, str]
) -> None:
    connected.seed(validation_order=order)
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    changed = await target.update(created.key, {**GERMAN, "country": "AT", "postalCode": "de-20097"})
    assert changed.fields["postalCode"] == "DE-20097"
    assert (changed.fields["country"], changed.fields["city"]) == expected
    assert len(connected.sent("PATCH")) == 1


async def test_an_address_that_is_emptied_is_changed_once(connected: Connected) -> None:
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    empty = dict.fromkeys(GERMAN, "")
    assert empty.items() <= (await target.update(created.key, empty)).fields.items()
    assert len(connected.sent("PATCH")) == 1


async def _fields(target: BusinessCentralTarget, key: CustomerKey) -> Mapping[str, FieldValue]:
    found = await target.find(key)
    assert found is not None
    return found.fields


# --- the key ---


async def test_a_renamed_customer_keeps_its_id_and_a_new_one_of_its_number_is_untouched(
    connected: Connected,
) -> None:
    target = connected.target()
    first = await target.create(KEY, FIELDS)
    await _rename(connected, first.key.id, "C-2")
    second = await target.create(KEY, {**FIELDS, "displayName": "Another"})
    found = await target.find(first.key)
    assert found is not None
    assert (found.key.number, found.key.id) == ("C-2", first.key.id)
    changed = await target.update(first.key, {"city": "Berlin"})
    assert (changed.key.number, changed.fields["city"]) == ("C-2", "Berlin")
    assert await _fields(target, second.key) == second.fields


async def _rename(connected: Connected, customer_id: str, number: str) -> None:
    http = connected.simulated.clients[SYSTEM]
    company = connected.simulated.simulator.business_central.environment.companies[COMPANY]
    answer = await http.patch(
        f"/api/v2.0/companies({company.id})/customers({customer_id})",
        json={"number": number},
        headers={"Authorization": f"Bearer {connected.simulated.token}", "If-Match": "*"},
    )
    assert answer.status_code == 200


async def test_a_change_never_renames(connected: Connected) -> None:
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    await target.update(created.key, {"number": "C-9", "city": "x"})
    assert connected.sent("PATCH") == [{"city": "x"}]


async def test_a_number_is_sent_only_if_it_is_given(connected: Connected) -> None:
    target = connected.target(ASSIGNED)
    key = CustomerKey(COMPANY, str(uuid4()), by="accountId")
    created = await target.create(key, {"displayName": "Contoso", "accountId": key.number})
    assert created.key.number == "C00001"
    assert created.fields["accountId"] == key.number
    assert "number" not in connected.sent("POST")[0]


@pytest.mark.parametrize("code", ["Internal_RecordNotFound", "BadRequest_ResourceNotFound"])
async def test_an_id_that_is_gone_is_no_customer_whatever_the_code(connected: Connected, code: str) -> None:
    target = connected.target()
    gone = CustomerKey(COMPANY, "C-1", id=str(uuid4()))
    connected.fault(status=404, code=code, path=r"customers\(")
    assert await target.find(gone) is None
    with pytest.raises(CustomerNotFound):
        await target.update(gone, {"city": "x"})


async def test_a_page_that_is_not_there_is_no_customer_that_is_gone(connected: Connected) -> None:
    """A wrong API path must not park every account as one whose customer was removed."""
    connected.fault(status=404, code="BadRequest_ResourceNotFound", path="customers")
    target, known = connected.target(), CustomerKey(COMPANY, "C-1", id=str(uuid4()))
    calls: list[Callable[[], Any]] = [
        lambda: target.find(KEY),
        lambda: target.find(known),
        lambda: target.create(KEY, FIELDS),
        lambda: target.update(known, {"city": "x"}),
    ]
    for call in calls:
        with pytest.raises(ConfigurationFault, match="BUSINESS_CENTRAL_API_PATH"):
            await call()


@pytest.mark.parametrize("status", [400, 409])
async def test_an_existing_number_is_known_by_its_code_even_if_numbers_may_not_be_given(
    connected: Connected, status: int
) -> None:
    target = connected.target()
    await target.create(KEY, FIELDS)
    connected.seed(duplicate_status=status, companies=[{"name": COMPANY, "manual_numbers": False}])
    with pytest.raises(CustomerAlreadyExists):
        await target.create(KEY, FIELDS)
    with pytest.raises(Refused, match="Application_DialogException"):
        await target.create(CustomerKey(COMPANY, "C-2"), FIELDS)


# --- the currency ---


async def test_a_ledger_that_names_its_currency_translates_by_itself(connected: Connected) -> None:
    target = connected.target(local_currency="XXX")
    created = await target.create(KEY, {**FIELDS, "currencyCode": "USD"})
    assert created.fields["currencyCode"] == "USD"
    assert connected.sent("POST")[0]["currencyCode"] == "USD"


@pytest.mark.parametrize(("local", "sent"), [("usd", "USD"), ("USD", "usd ")])
async def test_a_ledger_without_a_code_gets_a_blank_and_reads_as_the_local_code(
    connected: Connected, local: str, sent: str
) -> None:
    target = connected.target(local_currency=local, company=NO_LEDGER_CODE)
    assert await target.knows_currency("USD")
    key = CustomerKey(NO_LEDGER_CODE, "C-1")
    created = await target.create(key, {**FIELDS, "currencyCode": sent})
    assert connected.sent("POST")[0]["currencyCode"] == ""
    assert created.fields["currencyCode"] == "USD"
    assert (await _fields(target, created.key))["currencyCode"] == "USD"
    await target.update(created.key, {"currencyCode": sent})
    assert connected.sent("PATCH") == [{"currencyCode": ""}]


async def test_without_a_local_code_a_ledger_without_one_knows_only_its_table(connected: Connected) -> None:
    target = connected.target(company=NO_LEDGER_CODE)
    assert not await target.knows_currency("USD")
    with pytest.raises(AccountFault) as raised:
        await target.create(CustomerKey(NO_LEDGER_CODE, "C-1"), FIELDS)
    assert (raised.value.problem.cause, raised.value.problem.field) == (Cause.REFUSED, "currencyCode")


async def test_the_currencies_of_the_companies_in_use_count(connected: Connected) -> None:
    connected.seed(currencies=[{"company": "CRONUS DE GmbH", "code": "CHF"}])
    for company, known in ((COMPANY, False), ("CRONUS DE GmbH", True), (None, True)):
        assert await connected.target(company=company).knows_currency("CHF") is known
    by_column = MAP.model_copy(update={"company": _by_column({"US": COMPANY, "XX": "No such company"})})
    target = connected.target(by_column, company=None)
    assert [await target.knows_currency(code) for code in ("CHF", "USD")] == [False, True]


# --- blocked ---


@pytest.mark.parametrize("before", ["Ship", "Invoice", "_x0020_"])
async def test_a_block_is_read_set_and_taken_back_to_what_it_was(connected: Connected, before: str) -> None:
    connected.seed(customers=[{"number": "C-1", "displayName": "x", "blocked": before}])
    target = connected.target()
    found = await target.find(KEY)
    assert found is not None
    assert found.fields["blocked"] == before
    assert (await target.update(found.key, {"blocked": "All"})).fields["blocked"] == "All"
    released = await target.update(found.key, {"blocked": found.fields["blocked"]})
    assert released.fields["blocked"] == before


# --- conflicts ---


@pytest.mark.parametrize(
    "rule", [{"kind": "conflict"}, {"kind": "status", "status": 412}, {"kind": "status", "status": 409}]
)
async def test_a_record_that_was_changed_is_read_once_and_sent_again(
    connected: Connected, rule: dict[str, Any]
) -> None:
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    connected.fault(**rule, method="PATCH", count=1)
    assert (await target.update(created.key, {"city": "x"})).fields["city"] == "x"
    tokens = [one.headers["If-Match"] for one in connected.requests if one.method == "PATCH"]
    assert tokens[0] == "*"
    assert [token[:3] for token in tokens[1:]] == ['W/"']
    connected.fault(**rule, method="PATCH", count=2)
    with pytest.raises(TransientFault) as raised:
        await target.update(created.key, {"city": "y"})
    assert (raised.value.unknown_outcome, raised.value.about_system) == (False, False)
    assert (await _fields(target, created.key))["city"] == "x"


# --- companies ---


def _by_column(values: Mapping[str, str]) -> Any:
    return MAP.company.model_copy(update={"setting": None, "column": "company", "values": values})


async def test_the_list_of_companies_is_read_once_for_all_names(connected: Connected) -> None:
    target = connected.target()
    for name in (COMPANY, "CRONUS DE GmbH", NO_LEDGER_CODE, COMPANY):
        assert await target.find(CustomerKey(name, "C-1")) is None
    paths = [request.url.path for request in connected.requests]
    assert sum(path.endswith("/companies") for path in paths) == 1
    assert len({path for path in paths if path.endswith("/customers")}) == 3


@pytest.mark.parametrize("name", ["cronus usa, inc.", "CRONUS", "CRONUS*", "", "CRONUS USA"])
async def test_only_the_exact_name_of_a_company_is_taken(connected: Connected, name: str) -> None:
    key = CustomerKey(name, "C-1")
    with pytest.raises(ConfigurationFault, match="BUSINESS_CENTRAL_COMPANY"):
        await connected.target().create(key, FIELDS)
    by_column = MAP.model_copy(update={"company": _by_column({})})
    with pytest.raises(AccountFault) as raised:
        await connected.target(by_column).create(key, FIELDS)
    assert not isinstance(raised.value, Refused)
    assert (raised.value.problem.cause, raised.value.problem.field) == (Cause.REFUSED, "company")
    assert connected.sent("POST") == []


async def test_a_company_that_is_gone_is_a_wrong_set_up_until_it_is_there_again(connected: Connected) -> None:
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    company = connected.simulated.simulator.business_central.environment.companies[COMPANY]
    connected.seed(companies=[{"name": COMPANY, "removed": True}])
    calls: list[Callable[[], Any]] = [
        lambda: target.find(KEY),
        lambda: target.create(KEY, FIELDS),
        lambda: target.update(created.key, {"city": "x"}),
        lambda: target.knows_currency("USD"),
    ]
    for call in calls:
        with pytest.raises(ConfigurationFault, match=r"BUSINESS_CENTRAL_COMPANY|the company"):
            await call()
    connected.simulated.simulator.business_central.environment.companies[COMPANY] = company
    assert await target.find(created.key) is not None
    assert await target.knows_currency("USD")


# --- what an answer means ---


@pytest.mark.parametrize(
    ("rule", "unknown", "wait"),
    [
        ({"status": 503, "code": "Internal_TenantUnavailable"}, False, None),
        ({"status": 503, "code": "Internal_TenantUnavailable", "retry_after": 40}, False, 40),
        ({"status": 503, "code": "Anything"}, False, None),
        ({"status": 503}, True, None),
        ({"status": 503, "retry_after": 40}, True, 40),
        ({"status": 503, "body": {"message": "a gateway"}}, True, None),
        ({"status": 429}, False, 30),
        ({"status": 429, "retry_after": 7}, False, 7),
    ],
)
async def test_only_business_centrals_own_answer_proves_that_nothing_was_done(
    connected: Connected, rule: dict[str, Any], unknown: bool, wait: float | None
) -> None:
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    connected.fault(**rule)
    calls: list[Callable[[], Any]] = [
        lambda: target.create(CustomerKey(COMPANY, "C-2"), FIELDS),
        lambda: target.update(created.key, {"city": "x"}),
    ]
    for call in calls:
        with pytest.raises(TransientFault) as raised:
            await call()
        assert (raised.value.unknown_outcome, raised.value.retry_after) == (unknown, wait)


@pytest.mark.parametrize("number", ["C-1", "C*", "C?"])
async def test_a_number_that_no_filter_takes_is_its_accounts_trouble(
    connected: Connected, number: str
) -> None:
    connected.fault(status=400, code="Application_FilterErrorException", path="customers")
    with pytest.raises(Refused, match="find 400 Application_FilterErrorException"):
        await connected.target().find(CustomerKey(COMPANY, number))


@pytest.mark.parametrize("rule", [{"status": 403}, {"status": 400, "code": "Authorization_Denied"}])
async def test_a_missing_permission_is_a_wrong_set_up(connected: Connected, rule: dict[str, Any]) -> None:
    target = connected.target()
    created = await target.create(KEY, FIELDS)
    connected.fault(**rule)
    calls: list[Callable[[], Any]] = [
        lambda: target.find(KEY),
        lambda: target.create(KEY, FIELDS),
        lambda: target.update(created.key, {"city": "x"}),
        lambda: target.knows_currency("USD"),
        target.probe,
    ]
    for call in calls:
        with pytest.raises(ConfigurationFault, match="permission sets"):
            await call()


async def test_a_wrong_value_is_the_accounts_and_a_value_of_a_setting_may_be_everybodys(
    connected: Connected,
) -> None:
    salesperson = MAP.fields["city"].model_copy(update={"column": None, "setting": "SALESPERSON"})
    other = MAP.model_copy(update={"fields": {**MAP.fields, "salespersonCode": salesperson}})
    wrong: dict[str, FieldValue] = {"country": "XX", "city": "y"}
    for field_map, sent, everybodys in (
        (MAP, wrong, False),
        (other, {"salespersonCode": "XX", "city": "y", "country": ""}, True),
    ):
        target = connected.target(field_map)
        with pytest.raises(AccountFault) as raised:
            await target.create(KEY, {**FIELDS, **sent})
        assert isinstance(raised.value, Refused) is everybodys
        problem = raised.value.problem
        assert (problem.status, problem.error_type) == (400, "Internal_InvalidTableRelation")
        assert problem.field in {"country", ""}


async def test_no_fault_holds_a_value_of_the_customer(connected: Connected) -> None:
    target = connected.target()
    values: dict[str, FieldValue] = {"phoneNumber": "secret", "email": "secret", "country": "SECRET"}
    for name, value in values.items():
        with pytest.raises(AccountFault) as raised:
            await target.create(KEY, {**FIELDS, name: value})
        assert "secret" not in (str(raised.value) + repr(raised.value.problem)).lower()


def test_the_second_key_is_on_a_partners_page_only() -> None:
    assert ASSIGNED.key.second_key not in load_field_map(NAME, NAME).names
