"""What only Operations does: its refusals, its statuses for a number that exists, and its companies."""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.customer import CustomerKey, FieldValue
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    Refused,
    System,
    TransientFault,
)
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause
from shared.targets.operations.target import OperationsTarget
from tests.contract.conftest import Simulated
from tests.contract.targets.operations import MAP
from tests.contract.targets.operations import OPERATIONS as ERP

OPERATIONS = System.OPERATIONS
KEY = CustomerKey("usmf", "C-1")
FIELDS = ERP.fields


def real(simulated: Simulated) -> OperationsTarget:
    return OperationsTarget(simulated.client(OPERATIONS), MAP)


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


@pytest.mark.parametrize("value", ["x" * 101, "", Decimal(5)])
async def test_a_value_of_the_wrong_form_is_refused(operations: OperationsTarget, value: FieldValue) -> None:
    cause, _ = await refusal(operations.update(KEY, {"OrganizationName": value}))
    assert cause is Cause.REFUSED


async def test_a_read_only_field_is_the_accounts(simulated: Simulated, operations: OperationsTarget) -> None:
    simulated.simulator.operations.environment.read_only = {"AddressCity"}
    try:
        assert await refusal(operations.update(KEY, {"AddressCity": "x"})) == (Cause.REFUSED, "AddressCity")
    finally:
        simulated.simulator.operations.environment.read_only = set()


@pytest.mark.parametrize("status", [400, 409, 500])
async def test_an_existing_customer_is_known_whatever_the_status(
    simulated: Simulated, operations: OperationsTarget, status: int
) -> None:
    simulated.simulator.operations.environment.duplicate_status = status
    try:
        with pytest.raises(CustomerAlreadyExists):
            await operations.create(KEY, FIELDS)
    finally:
        simulated.simulator.operations.environment.duplicate_status = 400


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


async def test_a_500_that_carries_a_business_error_is_the_accounts(
    simulated: Simulated, operations: OperationsTarget
) -> None:
    simulated.fault(OPERATIONS, "status", status=500, code="infolog", method="PATCH")
    cause, _ = await refusal(operations.update(KEY, {"AddressCity": "x"}))
    assert cause is Cause.REFUSED


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


async def test_a_value_that_operations_does_not_know_names_its_field_in_a_creation_too(
    operations: OperationsTarget,
) -> None:
    for field, value in ERP.refused.items():
        assert await refusal(operations.create(NEW, {**FIELDS, field: value})) == (Cause.REFUSED, field)


async def test_only_a_customer_of_the_company_can_be_invoiced(simulated: Simulated) -> None:
    simulated.start_anew()
    entry = {"column": "parentaccountid", "via": "customer"}
    content = MAP.model_dump(by_alias=True)
    content["fields"]["InvoiceAccount"] = entry
    operations = OperationsTarget(simulated.client(OPERATIONS), FieldMap.model_validate(content))
    unknown = {**FIELDS, "InvoiceAccount": "NONE"}
    assert await refusal(operations.create(KEY, unknown)) == (Cause.REFUSED, "InvoiceAccount")
    await operations.create(KEY, {**FIELDS, "InvoiceAccount": ""})
    await operations.create(NEW, {**FIELDS, "InvoiceAccount": "C-1"})
    await operations.update(KEY, {"InvoiceAccount": "C-1"})  # its own
    found = await operations.find(NEW)
    assert found is not None
    assert found.fields["InvoiceAccount"] == "C-1"
    elsewhere = operations.create(CustomerKey("demf", "C-9"), {**FIELDS, "InvoiceAccount": "C-1"})
    assert await refusal(elsewhere) == (Cause.REFUSED, "InvoiceAccount")
