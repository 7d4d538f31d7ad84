"""The port Target: the fake, the simulator and an OData server that is not ours
behave alike; and faults, against the simulator.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.field_maps import load_field_map
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    Refused,
    System,
    TransientFault,
)
from shared.model.outcome import Cause
from shared.ports import Target
from shared.targets.operations.target import OperationsTarget
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import TOKEN, Simulated
from tests.contract.odata_peer import odata_peer
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeOperations

MAP = load_field_map("operations")
OPERATIONS = System.OPERATIONS
KEY = CustomerKey("usmf", "C-1")
FIELDS: Mapping[str, FieldValue] = {
    "OrganizationName": "Contoso Möbel",
    "SalesCurrencyCode": "USD",
    "CustomerGroupId": "10",
    "PartyType": "Organization",
    "AddressCity": "Redmond",
}
NASTY = [
    "O'Neil",
    "''",
    "a/b",
    "a\\b",
    "50%",
    "#1?&+",
    "a b",
    "ü€",
    "(x)",
    "a=b,c",
    "=1",
    "*",
    "C*",
    "%2F",
    "$x",
]


@pytest.fixture(params=["fake", "simulator", "peer"])
async def writer(request: pytest.FixtureRequest, simulated: Simulated) -> Target:
    if request.param == "fake":
        return FakeOperations(FakeClock())
    if request.param == "peer":
        client = ODataClient(OPERATIONS, odata_peer(MAP), FixedToken(TOKEN), FakeClock())
        return OperationsTarget(client, MAP)
    simulated.start_anew()
    return real(simulated)


def real(simulated: Simulated, token: str = TOKEN) -> OperationsTarget:
    return OperationsTarget(simulated.client(OPERATIONS, token), MAP)


async def fields_of(writer: Target, key: CustomerKey = KEY) -> Mapping[str, FieldValue]:
    found = await writer.find(key)
    assert found is not None
    return found.fields


async def test_a_customer_that_is_not_there_is_none(writer: Target) -> None:
    assert await writer.find(KEY) is None


async def test_a_created_customer_is_found_as_it_was_given(writer: Target) -> None:
    assert (await writer.create(KEY, FIELDS)).key.same_as(KEY)
    found = await writer.find(KEY)
    assert found is not None
    assert found.key.same_as(KEY)
    assert FIELDS.items() <= found.fields.items()
    assert found.fields.get("OnHoldStatus", "No") == "No"


async def test_an_update_changes_what_it_names_and_nothing_else(writer: Target) -> None:
    await writer.create(KEY, FIELDS)
    await writer.update(KEY, {"AddressCity": "", "OnHoldStatus": "All", "SalesCurrencyCode": "EUR"})
    expected = {**FIELDS, "AddressCity": "", "OnHoldStatus": "All", "SalesCurrencyCode": "EUR"}
    assert expected.items() <= (await fields_of(writer)).items()


async def test_a_second_create_says_so_and_changes_nothing(writer: Target) -> None:
    await writer.create(KEY, FIELDS)
    with pytest.raises(CustomerAlreadyExists):
        await writer.create(KEY, {**FIELDS, "OrganizationName": "Fabrikam"})
    assert (await fields_of(writer))["OrganizationName"] == "Contoso Möbel"


async def test_an_update_of_nothing_says_so_and_creates_nothing(writer: Target) -> None:
    with pytest.raises(CustomerNotFound):
        await writer.update(KEY, {"AddressCity": "x"})
    assert await writer.find(KEY) is None


@pytest.mark.parametrize("same", [CustomerKey("USMF", "c-1"), CustomerKey("usmf", "C-1 ")])
@pytest.mark.parametrize("writer", ["fake", "simulator"], indirect=True)
async def test_keys_are_compared_without_case_and_trailing_space(writer: Target, same: CustomerKey) -> None:
    await writer.create(KEY, FIELDS)
    assert await writer.find(same) is not None
    await writer.update(same, {"AddressCity": "x"})
    with pytest.raises(CustomerAlreadyExists):
        await writer.create(same, FIELDS)


async def test_each_company_has_its_own_customers(writer: Target) -> None:
    """The simulator's user has another default company than both."""
    other = CustomerKey("demf", "C-1")
    await writer.create(KEY, FIELDS)
    assert await writer.find(other) is None
    await writer.create(other, {**FIELDS, "OrganizationName": "Fabrikam"})
    await writer.update(other, {"AddressCity": "Berlin"})
    assert (await fields_of(writer))["AddressCity"] == "Redmond"
    assert (await fields_of(writer, other))["OrganizationName"] == "Fabrikam"


@pytest.mark.parametrize("number", NASTY)
async def test_any_number_finds_its_own_customer_only(writer: Target, number: str) -> None:
    key, others = CustomerKey("usmf", number), ("C-12", "Cx", "a", "b")
    for other in others:
        await writer.create(CustomerKey("usmf", other), FIELDS)
    assert await writer.find(key) is None
    with pytest.raises(CustomerNotFound):
        await writer.update(key, {"AddressCity": "x"})
    await writer.create(key, {**FIELDS, "OrganizationName": "own"})
    await writer.update(key, {"AddressCity": "own"})
    own = await fields_of(writer, key)
    assert (own["OrganizationName"], own["AddressCity"]) == ("own", "own")
    for other in others:
        assert (await fields_of(writer, CustomerKey("usmf", other)))["AddressCity"] == "Redmond"


async def test_values_of_any_text_survive(writer: Target) -> None:
    text = 'O\'Neil "&" <Söhne> \\ / 50% \u2028 €'
    await writer.create(KEY, {**FIELDS, "OrganizationName": text})
    assert (await fields_of(writer))["OrganizationName"] == text


async def test_of_creates_at_the_same_time_one_wins(writer: Target) -> None:
    done = await asyncio.gather(*(writer.create(KEY, FIELDS) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(result, Customer) for result in done) == 1
    assert sum(isinstance(result, CustomerAlreadyExists) for result in done) == 3


ASSIGNED = load_field_map(str(Path(__file__).parents[1] / "flow/assigned.toml"))


@pytest.fixture(params=["fake", "simulator"])
async def assigning(request: pytest.FixtureRequest, simulated: Simulated) -> Target:
    """Operations assigns the numbers; customers are found by their second key."""
    if request.param == "fake":
        return FakeOperations(FakeClock())
    simulated.start_anew()
    return OperationsTarget(simulated.client(OPERATIONS), ASSIGNED)


def second_key() -> tuple[CustomerKey, dict[str, FieldValue]]:
    by = ASSIGNED.key.second_key
    assert by is not None
    key = CustomerKey("usmf", str(uuid4()), by=by)
    return key, {**FIELDS, by: key.number}


async def test_an_assigned_number_comes_back_and_leads_to_the_customer(assigning: Target) -> None:
    (one, its), (other, others) = second_key(), second_key()
    assert await assigning.find(one) is None
    number, second = (await assigning.create(one, its)).key, (await assigning.create(other, others)).key
    assert not number.same_as(second)
    assert not number.by
    found = await assigning.find(one)
    assert found is not None
    assert found.key.same_as(number)
    await assigning.update(number, {"OrganizationName": "own"})
    assert (await fields_of(assigning, one))["OrganizationName"] == "own"
    assert (await fields_of(assigning, other))["OrganizationName"] == "Contoso Möbel"


async def test_a_second_key_of_two_customers_is_never_a_guess(simulated: Simulated) -> None:
    simulated.start_anew()
    writer = OperationsTarget(simulated.client(OPERATIONS), ASSIGNED)
    key, fields = second_key()
    for _ in range(2):
        await writer.create(key, fields)
    cause, _ = await refusal(writer.find(key))
    assert cause is Cause.AMBIGUOUS_MATCH


@pytest.fixture(params=["fake", "simulator"])
async def currencies(request: pytest.FixtureRequest, simulated: Simulated) -> Any:
    if request.param == "fake":
        return FakeOperations(FakeClock())
    simulated.start_anew()
    return real(simulated)


@pytest.mark.parametrize(("code", "known"), [("USD", True), ("usd", True), ("XXX", False), ("", False)])
async def test_only_operations_own_currencies_are_known(currencies: Any, code: str, known: bool) -> None:
    assert await currencies.knows_currency(code) is known


async def test_a_list_of_many_pages_is_read_to_its_end_and_kept(simulated: Simulated) -> None:
    simulated.start_anew()
    simulated.simulator.environment.page_size = 2
    try:
        found = real(simulated)
        assert [await found.knows_currency(code) for code in ("USD", "EUR", "GBP")] == [True] * 3
        assert simulated.simulator.log.report("operations", 0)["total"] == 2
    finally:
        simulated.simulator.environment.page_size = 10_000


async def test_a_currency_that_was_added_is_known_soon(simulated: Simulated) -> None:
    simulated.start_anew()
    clock = FakeClock()
    found = OperationsTarget(simulated.client(OPERATIONS, clock=clock), MAP)
    assert not await found.knows_currency("CHF")
    simulated.state(currencies=[{"CurrencyCode": "CHF", "Name": "CHF"}])
    clock.advance(6)
    assert await found.knows_currency("CHF")


@pytest.fixture
async def operations(simulated: Simulated) -> OperationsTarget:
    """The real adapter, with one customer already there."""
    simulated.start_anew()
    writer = real(simulated)
    await writer.create(KEY, FIELDS)
    return writer


NEW = CustomerKey("usmf", "C-2")


async def refusal(call: Any) -> tuple[Cause, str]:
    with pytest.raises(AccountFault) as raised:
        await call
    return raised.value.problem.cause, raised.value.problem.field


@pytest.mark.parametrize(
    ("field", "value"),
    [("SalesCurrencyCode", "XXX"), ("CustomerGroupId", "99"), ("AddressCountryRegionISOCode", "XX")],
)
async def test_a_value_that_operations_does_not_know_names_its_field(
    operations: OperationsTarget, field: str, value: str
) -> None:
    refused = (Cause.REFUSED, field)
    assert await refusal(operations.create(NEW, {**FIELDS, field: value})) == refused
    assert await refusal(operations.update(KEY, {field: value})) == refused
    assert await operations.find(NEW) is None


@pytest.mark.parametrize("value", ["x" * 101, "", Decimal(5)])
async def test_a_value_of_the_wrong_form_is_refused(operations: OperationsTarget, value: FieldValue) -> None:
    cause, _ = await refusal(operations.update(KEY, {"OrganizationName": value}))
    assert cause is Cause.REFUSED


async def test_a_read_only_field_is_the_accounts(simulated: Simulated, operations: OperationsTarget) -> None:
    simulated.simulator.environment.read_only = {"AddressCity"}
    try:
        assert await refusal(operations.update(KEY, {"AddressCity": "x"})) == (Cause.REFUSED, "AddressCity")
    finally:
        simulated.simulator.environment.read_only = set()


@pytest.mark.parametrize("status", [400, 409, 500])
async def test_an_existing_customer_is_known_whatever_the_status(
    simulated: Simulated, operations: OperationsTarget, status: int
) -> None:
    simulated.simulator.environment.duplicate_status = status
    try:
        with pytest.raises(CustomerAlreadyExists):
            await operations.create(KEY, FIELDS)
    finally:
        simulated.simulator.environment.duplicate_status = 400


async def transient(call: Any) -> TransientFault:
    with pytest.raises(TransientFault) as raised:
        await call
    return raised.value


async def test_a_conflict_is_tried_again_and_certain(
    simulated: Simulated, operations: OperationsTarget
) -> None:
    simulated.fault(OPERATIONS, "conflict", count=1)
    assert not (await transient(operations.update(KEY, {"AddressCity": "x"}))).unknown_outcome
    await operations.update(KEY, {"AddressCity": "x"})


@pytest.mark.parametrize(("kind", "carried_out"), [("drop-after-commit", True), ("drop-before", False)])
async def test_a_lost_answer_leaves_it_open_what_happened(
    simulated: Simulated, operations: OperationsTarget, kind: str, carried_out: bool
) -> None:
    simulated.fault(OPERATIONS, kind, count=2)
    assert (await transient(operations.create(NEW, FIELDS))).unknown_outcome
    assert (await transient(operations.update(KEY, {"AddressCity": "x"}))).unknown_outcome
    assert (await operations.find(NEW) is not None) is carried_out
    assert ((await fields_of(operations))["AddressCity"] == "x") is carried_out


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_bare_5xx_is_transient_and_uncertain(
    simulated: Simulated, operations: OperationsTarget, status: int
) -> None:
    simulated.fault(OPERATIONS, "status", status=status)
    assert (await transient(operations.update(KEY, {"AddressCity": "x"}))).unknown_outcome
    assert (await transient(operations.create(NEW, FIELDS))).unknown_outcome
    assert not (await transient(operations.find(KEY))).unknown_outcome


async def test_a_500_that_carries_a_business_error_is_the_accounts(
    simulated: Simulated, operations: OperationsTarget
) -> None:
    simulated.fault(OPERATIONS, "status", status=500, code="infolog", method="PATCH")
    cause, _ = await refusal(operations.update(KEY, {"AddressCity": "x"}))
    assert cause is Cause.REFUSED


async def test_throttling_asks_for_its_wait(simulated: Simulated, operations: OperationsTarget) -> None:
    simulated.fault(OPERATIONS, "status", status=429, retry_after=17)
    for call in (operations.find(KEY), operations.update(KEY, {"AddressCity": "x"})):
        fault = await transient(call)
        assert (fault.retry_after, fault.unknown_outcome) == (17, False)


async def test_a_wrong_token_is_a_wrong_set_up(simulated: Simulated, operations: OperationsTarget) -> None:
    wrong = real(simulated, token="wrong")
    calls = (
        lambda: wrong.find(KEY),
        lambda: wrong.create(NEW, FIELDS),
        lambda: wrong.update(KEY, {"AddressCity": "x"}),
    )
    for call in calls:
        with pytest.raises(ConfigurationFault, match="401"):
            await call()
    assert await operations.find(NEW) is None


@pytest.mark.parametrize("status", [400, 403, 405, 412])
async def test_a_refusal_may_be_one_accounts_or_everybodys(
    simulated: Simulated, operations: OperationsTarget, status: int
) -> None:
    """Which of the two it is, the other accounts tell: the way says what was refused, and how."""
    simulated.fault(OPERATIONS, "status", status=status, body="<html>no</html>")
    calls = {
        "find": lambda: operations.find(CustomerKey("usmf", "C*")),
        "create": lambda: operations.create(NEW, FIELDS),
    }
    for operation, call in calls.items():
        with pytest.raises(Refused) as raised:
            await call()
        fault = raised.value
        assert (fault.system, fault.way) == (OPERATIONS, f"{operation} {status}")
        assert (fault.problem.cause, fault.problem.status) == (Cause.REFUSED, status)


async def test_a_change_that_is_refused_names_status_and_code(
    simulated: Simulated, operations: OperationsTarget
) -> None:
    simulated.fault(OPERATIONS, "status", status=403, method="PATCH")
    with pytest.raises(Refused, match="refused to update 403"):
        await operations.update(KEY, {"AddressCity": "x"})


async def test_currencies_that_may_not_be_read_are_a_wrong_set_up(simulated: Simulated) -> None:
    simulated.start_anew()
    simulated.fault(OPERATIONS, "status", status=403)
    with pytest.raises(ConfigurationFault, match="access to customers and currencies"):
        await real(simulated).knows_currency("USD")


async def test_a_wrong_company_is_a_wrong_set_up(operations: OperationsTarget) -> None:
    with pytest.raises(ConfigurationFault, match="OPERATIONS_COMPANY"):
        await operations.create(CustomerKey("zzzz", "C-1"), FIELDS)


async def test_a_service_that_is_away_is_transient_and_certain(simulated: Simulated) -> None:
    import httpx

    from local.ports import free_port
    from shared.web.credentials import FixedToken
    from shared.web.odata import ODataClient

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port()}", verify=False) as http:  # noqa: S501 - plain HTTP
        away = OperationsTarget(ODataClient(OPERATIONS, http, FixedToken("x"), FakeClock()), MAP)
        assert not (await transient(away.update(KEY, {"AddressCity": "x"}))).unknown_outcome
