"""What the answer to a creation means: created, the customer is there already, or refused."""

import json
from typing import Any

import httpx
import pytest

from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.faults import AccountFault, CustomerAlreadyExists
from shared.model.outcome import Cause
from shared.targets.operations.target import OperationsTarget
from tests.unit.making import field_map
from tests.unit.test_odata import Service

KEY = CustomerKey("usmf", "C-1")
NOBODY = httpx.Response(200, json={"value": []})
SOMEBODY = httpx.Response(200, json={"value": [{"dataAreaId": "usmf", "CustomerAccount": "C-1"}]})
OWN = "Infolog: Error: Cannot create a record in Customers (CustTable). Customer account: C-1.\nThe record "
PARTY = "Infolog: Error: Cannot create a record in Parties (DirPartyTable). Party ID: 7.\nThe record "


def refusal(status: int, text: str) -> httpx.Response:
    inner: dict[str, Any] = {"type": "X.AxODataWriteException", "message": text}
    return httpx.Response(status, json={"error": {"code": "", "innererror": inner}})


async def create(*answers: httpx.Response) -> Service:
    service = Service(*answers)
    customers = OperationsTarget(service.client, field_map())
    try:
        await customers.create(KEY, {"OrganizationName": "Contoso"})
    except (AccountFault, CustomerAlreadyExists) as fault:
        service.fault = fault
    return service


@pytest.mark.parametrize("status", [400, 409, 500])
async def test_an_answer_that_names_the_customers_own_key_needs_no_look_up(status: int) -> None:
    service = await create(refusal(status, f"{OWN}already exists."))
    assert isinstance(service.fault, CustomerAlreadyExists)
    assert [request.method for request in service.requests] == ["POST"]


@pytest.mark.parametrize("status", [400, 409, 500])
@pytest.mark.parametrize("text", [f"{PARTY}already exists.", f"{PARTY}ist bereits vorhanden."])
async def test_another_record_that_exists_is_a_refusal_after_one_look_up(status: int, text: str) -> None:
    service = await create(refusal(status, text), NOBODY)
    assert isinstance(service.fault, AccountFault)
    assert service.fault.problem.cause is Cause.REFUSED
    assert [request.method for request in service.requests] == ["POST", "GET"]
    assert json.loads(service.requests[0].content)["CustomerAccount"] == "C-1"


@pytest.mark.parametrize("status", [400, 409, 500])
async def test_a_translated_answer_is_decided_by_a_look_up(status: int) -> None:
    service = await create(refusal(status, "Infolog: Der Datensatz ist bereits vorhanden."), SOMEBODY)
    assert isinstance(service.fault, CustomerAlreadyExists)


async def test_a_conflict_without_a_text_is_decided_by_a_look_up() -> None:
    assert isinstance((await create(httpx.Response(409), SOMEBODY)).fault, CustomerAlreadyExists)
    assert isinstance((await create(httpx.Response(409), NOBODY)).fault, AccountFault)


ROW = {
    "dataAreaId": "USMF",
    "CustomerAccount": "C-1",
    "AddressCity": None,
    "AddressStreet": "Main St",
    "Other": 1,
}
SENT: dict[str, FieldValue] = {
    "OrganizationName": "Contoso",
    "AddressCity": "",
    "AddressStreet": "Main Street",
}
KEPT = {"OrganizationName": "Contoso", "AddressCity": "", "AddressStreet": "Main St"}


async def test_the_values_of_the_answer_to_a_creation_are_given_back() -> None:
    target = OperationsTarget(Service(httpx.Response(201, json=ROW)).client, field_map())
    assert await target.create(KEY, SENT) == Customer(CustomerKey("USMF", "C-1"), KEPT)


@pytest.mark.parametrize(
    ("answer", "kept"), [(httpx.Response(204), SENT), (httpx.Response(200, json=ROW), KEPT)]
)
async def test_an_answer_without_a_body_to_a_change_leaves_the_values_that_were_sent(
    answer: httpx.Response, kept: dict[str, FieldValue]
) -> None:
    service = Service(answer)
    assert await OperationsTarget(service.client, field_map()).update(KEY, SENT) == Customer(KEY, kept)
    assert len(service.requests) == 1
