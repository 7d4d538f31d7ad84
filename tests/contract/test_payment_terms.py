"""Payment terms by their codes on every ERP: each real adapter against its simulator."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, System
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause
from shared.ports import Target
from shared.web.odata import ODataClient
from tests.contract.conftest import Simulated
from tests.contract.targets.business_central import BUSINESS_CENTRAL
from tests.contract.targets.description import Description
from tests.contract.targets.nav import NAV
from tests.contract.targets.operations import OPERATIONS


class Case(NamedTuple):
    """One ERP: its field of payment terms, two codes that it has, and what it says of other codes."""

    erp: Description
    field: str
    codes: tuple[str, str]
    unknown: bool | None


CASES = [
    Case(OPERATIONS, "PaymentTerms", ("Net30", "COD"), False),
    Case(BUSINESS_CENTRAL, "paymentTermsId", ("14 DAYS", "COD"), False),
    *(Case(nav, "Payment_Terms_Code", ("14 DAYS", "COD"), None) for nav in NAV),
]


class Stand(NamedTuple):
    """One ERP with payment terms in its field map."""

    simulated: Simulated
    case: Case
    target: Target

    @property
    def key(self) -> CustomerKey:
        return CustomerKey(self.case.erp.company, "T-1")

    def fields(self, code: str) -> dict[str, Any]:
        return {**self.case.erp.fields, self.case.field: code}

    async def stored(self, key: CustomerKey) -> object:
        found = await self.target.find(key)
        assert found is not None
        return found.fields.get(self.case.field, "")


def with_terms(erp: Description, field: str) -> FieldMap:
    entry = {"column": "paymenttermscode", "via": "table:payment-terms"}
    dumped = erp.field_map.model_dump(exclude_none=True)
    dumped["fields"][field] = entry
    for rule in dumped.pop("only_if"):
        assert rule
    return FieldMap.model_validate(dumped)


@pytest.fixture(params=CASES, ids=lambda case: f"{case.erp.system} {case.erp.variant}".strip())
def stand(request: pytest.FixtureRequest, simulated: Simulated) -> Stand:
    case: Case = request.param
    simulated.start_anew()
    for code in ("USD", "EUR"):
        case.erp.add_currency(simulated, code)
    made: Callable[[ODataClient, FieldMap], Target] = case.erp.adapter
    field_map = with_terms(case.erp, case.field)
    return Stand(simulated, case, made(simulated.client(case.erp.system), field_map))


async def test_a_code_is_written_changed_and_cleared_and_read_as_a_code(stand: Stand) -> None:
    first, second = stand.case.codes
    created = await stand.target.create(stand.key, stand.fields(first))
    assert str(created.fields[stand.case.field]).upper() == first.upper()
    assert str(await stand.stored(created.key)).upper() == first.upper()
    changed = await stand.target.update(created.key, {stand.case.field: second})
    assert str(changed.fields[stand.case.field]).upper() == second.upper()
    assert await stand.stored(created.key) == second
    await stand.target.update(created.key, {stand.case.field: ""})
    assert await stand.stored(created.key) == ""


async def test_a_list_of_customers_has_the_codes(stand: Stand) -> None:
    await stand.target.create(stand.key, stand.fields(stand.case.codes[1]))
    page = await stand.target.customers_after(stand.case.erp.company, "", 10)
    assert [customer.fields[stand.case.field] for customer in page.rows] == [stand.case.codes[1]]
    (found,) = (await stand.target.look_up([stand.key])).values()
    assert found.fields[stand.case.field] == stand.case.codes[1]


async def test_a_code_is_checked_against_the_erps_own_list_where_it_has_one(stand: Stand) -> None:
    for code in stand.case.codes:
        assert await stand.target.knows_value(stand.case.field, code.lower()) in {True, None}
    assert await stand.target.knows_value(stand.case.field, "NOWHERE") is stand.case.unknown
    assert await stand.target.knows_value(stand.case.erp.city_field, "Redmond") is None


async def test_a_code_that_the_erp_does_not_have_parks_its_account(stand: Stand) -> None:
    with pytest.raises(AccountFault) as raised:
        await stand.target.create(stand.key, stand.fields("NOWHERE"))
    assert raised.value.problem.cause is Cause.REFUSED
    if stand.case.erp.system is not System.NAV:
        assert await stand.target.find(stand.key) is None


async def test_the_doctor_finds_the_field(stand: Stand) -> None:
    described = await stand.target.describe()
    assert stand.case.field in described.fields
