"""The port Target, for each ERP: its simulator, a fake and an OData server that is not ours behave alike."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.dynamics.metadata import FieldFault
from local.ports import free_port
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.description import ValueType
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    TransientFault,
)
from shared.model.outcome import Cause
from shared.ports import Target
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import Simulated
from tests.contract.targets.business_central import BUSINESS_CENTRAL
from tests.contract.targets.description import Description
from tests.contract.targets.nav import NAV
from tests.contract.targets.operations import OPERATIONS
from tests.fakes.clock import FakeClock

ERPS = [OPERATIONS, BUSINESS_CENTRAL, *NAV]
NASTY = [
    *("O'Neil", "''", "a/b", "a\\b", "50%", "#1?&+", "a b", "ü€", "(x)", "a=b,c", "=1"),
    *("*", "C*", "%2F", "$x"),
]


@dataclass(frozen=True, slots=True)
class Subject:
    """One ERP behind its port, empty, and what is known of it."""

    erp: Description
    implementation: str
    target: Target
    simulated: Simulated

    @property
    def key(self) -> CustomerKey:
        return CustomerKey(self.erp.company, "C-1")

    @property
    def new(self) -> CustomerKey:
        return CustomerKey(self.erp.company, "C-2")

    async def create(self, key: CustomerKey | None = None, **values: FieldValue) -> Customer:
        return await self.target.create(key or self.key, {**self.erp.fields, **values})

    async def named(self, name: str, key: CustomerKey | None = None) -> Customer:
        return await self.create(key, **{self.erp.name_field: name})

    async def move(self, city: str, key: CustomerKey | None = None) -> Customer:
        return await self.target.update(key or self.key, {self.erp.city_field: city})

    async def fields(self, key: CustomerKey | None = None) -> Mapping[str, FieldValue]:
        found = await self.target.find(key or self.key)
        assert found is not None
        return found.fields

    async def city(self, key: CustomerKey | None = None) -> FieldValue:
        return (await self.fields(key))[self.erp.city_field]

    def fault(self, kind: str, **rule: Any) -> None:
        self.simulated.fault(self.erp.system, kind, **rule)


def subjects(*names: str, erps: Sequence[Description] = ERPS) -> Any:
    """A parameter for each ERP and each of these implementations that it has."""
    return pytest.mark.parametrize(
        "subject",
        [
            pytest.param((erp, name), id=f"{erp.system}{erp.variant}-{name}")
            for erp in erps
            for name in ("simulator", *erp.others)
            if not names or name in names
        ],
        indirect=True,
    )


everywhere = subjects()
exact = subjects("simulator", "fake")
real = subjects("simulator")


@pytest.fixture
def subject(request: pytest.FixtureRequest, simulated: Simulated) -> Subject:
    erp, name = request.param
    simulated.start_anew()
    return Subject(erp, name, erp.made(simulated, name), simulated)


@everywhere
async def test_a_customer_that_is_not_there_is_none(subject: Subject) -> None:
    assert await subject.target.find(subject.key) is None


@everywhere
async def test_a_created_customer_is_found_as_it_was_given(subject: Subject) -> None:
    created = await subject.create()
    found = await subject.target.find(subject.key)
    assert found is not None
    assert found.key.same_as(subject.key)
    assert (created.key, created.key.id) == (found.key, found.key.id)
    assert bool(found.key.id) is subject.erp.has_own_ids
    for customer in (created, found):
        assert subject.erp.fields.items() <= customer.fields.items()
    blocking = subject.target.capabilities.blocking_field
    assert found.fields.get(blocking, subject.erp.not_blocked) == subject.erp.not_blocked


@everywhere
async def test_an_update_changes_what_it_names_and_nothing_else(subject: Subject) -> None:
    created, erp = await subject.create(), subject.erp
    blocking = subject.target.capabilities.blocking_field
    changes = {erp.city_field: "", blocking: "All", erp.currency_field: "EUR"}
    changed = await subject.target.update(created.key, changes)
    assert changed.key.same_as(created.key)
    assert changes.items() <= changed.fields.items()
    assert {**erp.fields, **changes}.items() <= (await subject.fields()).items()


@everywhere
async def test_a_second_create_says_so_and_changes_nothing(subject: Subject) -> None:
    await subject.create()
    with pytest.raises(CustomerAlreadyExists):
        await subject.named("Fabrikam")
    assert (await subject.fields())[subject.erp.name_field] == "Contoso Möbel"


@everywhere
async def test_an_update_of_nothing_says_so_and_creates_nothing(subject: Subject) -> None:
    with pytest.raises(CustomerNotFound):
        await subject.move("x")
    assert await subject.target.find(subject.key) is None


@exact
async def test_keys_are_compared_without_case_and_trailing_space(subject: Subject) -> None:
    await subject.create()
    for number in ("c-1", "C-1 "):
        same = CustomerKey(subject.erp.company, number)
        assert await subject.target.find(same) is not None
        await subject.move("x", same)
        with pytest.raises(CustomerAlreadyExists):
            await subject.create(same)


@everywhere
async def test_each_company_has_its_own_customers(subject: Subject) -> None:
    """The simulators have another default or first company than both."""
    other = CustomerKey(subject.erp.other_company, "C-1")
    await subject.create()
    assert await subject.target.find(other) is None
    await subject.named("Fabrikam", other)
    await subject.move("Berlin", other)
    assert await subject.city() == "Redmond"
    assert (await subject.fields(other))[subject.erp.name_field] == "Fabrikam"


@everywhere
@pytest.mark.parametrize("number", NASTY)
async def test_any_number_finds_its_own_customer_only(subject: Subject, number: str) -> None:
    key = CustomerKey(subject.erp.company, number)
    others = [CustomerKey(subject.erp.company, other) for other in ("C-12", "Cx", "a", "b")]
    for other in others:
        await subject.create(other)
    assert await subject.target.find(key) is None
    with pytest.raises(CustomerNotFound):
        await subject.move("x", key)
    await subject.named("own", key)
    await subject.move("own", key)
    own = await subject.fields(key)
    assert (own[subject.erp.name_field], own[subject.erp.city_field]) == ("own", "own")
    assert [await subject.city(other) for other in others] == ["Redmond"] * len(others)


@everywhere
async def test_values_of_any_text_survive(subject: Subject) -> None:
    text = 'O\'Neil "&" <Söhne> \\ / 50% \u2028 €'
    assert (await subject.named(text)).fields[subject.erp.name_field] == text
    assert (await subject.fields())[subject.erp.name_field] == text


@everywhere
async def test_of_creates_at_the_same_time_one_wins(subject: Subject) -> None:
    done = await asyncio.gather(*(subject.create() for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(result, Customer) for result in done) == 1
    assert sum(isinstance(result, CustomerAlreadyExists) for result in done) == 3


def assigning(subject: Subject) -> tuple[Target, str]:
    """The target by the map under which the ERP assigns the numbers, and its second key."""
    field_map = subject.erp.assigned_map
    second_key = field_map.key.second_key
    assert second_key is not None
    if subject.implementation == "fake":
        return subject.target, second_key
    return subject.erp.adapter(subject.simulated.client(subject.erp.system), field_map), second_key


def second_key(subject: Subject, by: str) -> tuple[CustomerKey, dict[str, FieldValue]]:
    key = CustomerKey(subject.erp.company, str(uuid4()), by=by)
    return key, {**subject.erp.fields, by: key.number}


@exact
async def test_an_assigned_number_comes_back_and_leads_to_the_customer(subject: Subject) -> None:
    target, by = assigning(subject)
    (one, its), (other, others) = second_key(subject, by), second_key(subject, by)
    assert await target.find(one) is None
    number, second = (await target.create(one, its)).key, (await target.create(other, others)).key
    assert number.number
    assert not number.same_as(second)
    assert not number.by
    found = await target.find(one)
    assert found is not None
    assert found.key.same_as(number)
    await target.update(number, {subject.erp.name_field: "own"})
    names = [
        customer and customer.fields[subject.erp.name_field]
        for customer in [await target.find(one), await target.find(other)]
    ]
    assert names == ["own", "Contoso Möbel"]


@real
async def test_a_second_key_of_two_customers_is_never_a_guess(subject: Subject) -> None:
    target, by = assigning(subject)
    key, fields = second_key(subject, by)
    for _ in range(2):
        await target.create(key, fields)
    cause, _ = await refusal(target.find(key))
    assert cause is Cause.AMBIGUOUS_MATCH


@exact
@pytest.mark.parametrize(("code", "known"), [("USD", True), ("usd", True), ("XXX", False), ("", False)])
async def test_only_the_erps_own_currencies_are_known(subject: Subject, code: str, known: bool) -> None:
    assert await subject.target.knows_currency(code) is known


@real
async def test_a_list_of_many_pages_is_read_to_its_end_and_kept(subject: Subject) -> None:
    simulated, erp = subject.simulated, subject.erp
    erp.set_page_size(simulated, 2)
    try:
        assert await subject.target.knows_currency("USD")
        requests = simulated.simulator.log.report(str(erp.system), 0)["total"]
        assert requests >= 2
        assert [await subject.target.knows_currency(code) for code in ("EUR", "GBP")] == [True] * 2
        assert simulated.simulator.log.report(str(erp.system), 0)["total"] == requests
    finally:
        erp.set_page_size(simulated, 10_000)


@real
async def test_a_currency_that_was_added_is_known_soon(subject: Subject) -> None:
    clock, erp = FakeClock(), subject.erp
    target = erp.adapter(subject.simulated.client(erp.system, clock=clock), erp.field_map)
    assert not await target.knows_currency("CHF")
    erp.add_currency(subject.simulated, "CHF")
    clock.advance(6)
    assert await target.knows_currency("CHF")


async def refusal(call: Any) -> tuple[Cause, str]:
    with pytest.raises(AccountFault) as raised:
        await call
    return raised.value.problem.cause, raised.value.problem.field


@real
async def test_a_value_that_the_erp_does_not_take_parks_its_account(subject: Subject) -> None:
    """A change of one field names it; a creation names the field if the answer tells which one it is."""
    created = await subject.create()
    for number, (field, value) in enumerate(subject.erp.refused.items()):
        refused, new = (Cause.REFUSED, field), CustomerKey(subject.erp.company, f"NEW-{number}")
        assert await refusal(subject.target.update(created.key, {field: value})) == refused
        assert await refusal(subject.create(new, **{field: value})) in [refused, (Cause.REFUSED, "")]
        stands = await subject.target.find(new) is not None
        assert stands is subject.target.capabilities.refused_create_may_exist


async def walked(subject: Subject, size: int, company: str = "") -> list[Customer]:
    found: list[Customer] = []
    after = ""
    while True:
        page = await subject.target.customers_after(company or subject.erp.company, after, size)
        found += page.rows
        assert len(page.rows) <= size
        if not page.rows:
            assert page.after == ""
            return found
        after = page.after


@everywhere
async def test_a_walk_by_number_meets_each_customer_of_the_company_once(subject: Subject) -> None:
    numbers = [*NASTY, "C-12", "Cx", "A-1", "D10", "D9"]
    for number in numbers:
        await subject.create(CustomerKey(subject.erp.company, number))
    await subject.create(CustomerKey(subject.erp.other_company, "B-1"))
    for size in (3, 100):
        found = await walked(subject, size)
        assert sorted(customer.key.folded.number for customer in found) == sorted(map(str.upper, numbers))
        assert all(subject.erp.fields.items() <= customer.fields.items() for customer in found)
        assert all(bool(customer.key.id) is subject.erp.has_own_ids for customer in found)
    assert [one.key.number for one in await walked(subject, 3, subject.erp.other_company)] == ["B-1"]


@exact
async def test_a_walk_does_not_depend_on_the_case_of_a_number(subject: Subject) -> None:
    numbers = ["ab", "Aa", "AB-1", "b", "A", "aC", "B-1"]
    for number in numbers:
        await subject.create(CustomerKey(subject.erp.company, number))
    found = [customer.key.folded.number for customer in await walked(subject, 1)]
    assert sorted(found) == sorted(map(str.upper, numbers))


@real
async def test_a_walk_goes_on_where_the_server_cuts_a_page_short(subject: Subject) -> None:
    numbers = [f"C-{number}" for number in range(5)]
    for number in numbers:
        await subject.create(CustomerKey(subject.erp.company, number))
    subject.erp.set_page_size(subject.simulated, 2)
    try:
        assert [customer.key.number for customer in await walked(subject, 4)] == numbers
    finally:
        subject.erp.set_page_size(subject.simulated, 10_000)


@everywhere
async def test_many_customers_are_looked_up_by_their_numbers(subject: Subject) -> None:
    company, numbers = subject.erp.company, [*NASTY, "C-12", "Cx", *(f"N-{number}" for number in range(60))]
    for number in numbers[:-2]:
        await subject.create(CustomerKey(company, number))
    await subject.create(CustomerKey(subject.erp.other_company, numbers[-1]))
    keys = [CustomerKey(company, number) for number in numbers]
    found = await subject.target.look_up(keys)
    assert found.keys() == {key.folded for key in keys[:-2]}
    assert all(customer.key.folded == key for key, customer in found.items())
    assert all(subject.erp.fields.items() <= customer.fields.items() for customer in found.values())


@real
async def test_a_look_up_of_many_takes_few_requests(subject: Subject) -> None:
    keys = [CustomerKey(subject.erp.company, f"N-{number}") for number in range(100)]
    await subject.create(keys[0])
    log, system = subject.simulated.simulator.log, str(subject.erp.system)
    before = log.report(system, 0)["total"]
    assert [*await subject.target.look_up(keys)] == [keys[0].folded]
    assert log.report(system, 0)["total"] - before <= 4


@exact
async def test_customers_are_looked_up_by_their_second_keys(subject: Subject) -> None:
    target, by = assigning(subject)
    (one, its), (other, _) = second_key(subject, by), second_key(subject, by)
    created = await target.create(one, its)
    found = await target.look_up([one, other])
    assert {key: customer.key.folded for key, customer in found.items()} == {one.folded: created.key.folded}


async def transient(call: Any) -> TransientFault:
    with pytest.raises(TransientFault) as raised:
        await call
    return raised.value


@real
@pytest.mark.parametrize(("kind", "executed"), [("drop-after-commit", True), ("drop-before", False)])
async def test_a_lost_answer_leaves_it_open_what_happened(
    subject: Subject, kind: str, executed: bool
) -> None:
    created = await subject.create()
    for method, call in (("POST", subject.create(subject.new)), ("PATCH", subject.move("x", created.key))):
        subject.fault(kind, method=method, count=1)
        assert (await transient(call)).unknown_outcome
    assert (await subject.target.find(subject.new) is not None) is executed
    assert (await subject.city() == "x") is executed


@real
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_bare_5xx_is_transient_and_its_outcome_is_unknown(subject: Subject, status: int) -> None:
    created = await subject.create()
    subject.fault("status", status=status)
    assert (await transient(subject.move("x", created.key))).unknown_outcome
    assert (await transient(subject.create(subject.new))).unknown_outcome
    assert not (await transient(subject.target.find(created.key))).unknown_outcome


@real
async def test_throttling_asks_for_its_wait(subject: Subject) -> None:
    created = await subject.create()
    subject.fault("status", status=429, retry_after=17)
    for call in (subject.target.find(created.key), subject.move("x", created.key), subject.create()):
        fault = await transient(call)
        assert (fault.retry_after, fault.unknown_outcome) == (17, False)


@real
async def test_a_wrong_token_is_a_wrong_set_up(subject: Subject) -> None:
    erp, created = subject.erp, await subject.create()
    wrong = erp.adapter(subject.simulated.client(erp.system, "wrong"), erp.field_map)
    calls: list[Callable[[], Any]] = [
        lambda: wrong.find(created.key),
        lambda: wrong.create(subject.new, erp.fields),
        lambda: wrong.update(created.key, {erp.city_field: "x"}),
        wrong.probe,
    ]
    for call in calls:
        with pytest.raises(ConfigurationFault, match=r"401|access to it"):
            await call()
    assert await subject.target.find(subject.new) is None


@real
async def test_a_service_that_is_away_is_transient_and_nothing_was_written(subject: Subject) -> None:
    url, erp = f"http://127.0.0.1:{free_port()}", subject.erp
    created = await subject.create()
    async with httpx.AsyncClient(base_url=url, verify=False) as http:  # noqa: S501 - plain HTTP
        away = erp.adapter(ODataClient(erp.system, http, FixedToken("x"), FakeClock()), erp.field_map)
        assert not (await transient(away.update(created.key, {erp.city_field: "x"}))).unknown_outcome
        assert not (await transient(away.create(subject.new, erp.fields))).unknown_outcome


@real
async def test_a_probe_reads_and_finds_a_service_that_works(subject: Subject) -> None:
    await subject.target.probe()
    subject.fault("status", status=503)
    await transient(subject.target.probe())


# --- description


def plant(subject: Subject, **faults: FieldFault) -> None:
    """Change what the simulator's metadata says of these fields."""
    systems = subject.simulated.simulator
    systems.planted(key_of_system(subject)).update(faults)


def key_of_system(subject: Subject) -> str:
    return str(subject.erp.system).replace("-", "_")


@exact
async def test_the_erp_describes_every_field_of_its_map_and_the_key(subject: Subject) -> None:
    described = await subject.target.describe()
    names = {*subject.erp.field_map.names, subject.target.capabilities.blocking_field}
    assert names <= described.fields.keys()
    assert described.keys == subject.target.capabilities.key_fields
    assert described.fields[subject.erp.name_field].type is ValueType.TEXT


@subjects("peer", erps=[BUSINESS_CENTRAL, NAV[0]])
async def test_a_metadata_document_that_is_not_ours_is_understood(subject: Subject) -> None:
    described = await subject.target.describe()
    assert {*subject.erp.field_map.names} <= described.fields.keys()
    assert described.keys == subject.target.capabilities.key_fields
    assert {described.fields[name].type for name in subject.erp.field_map.names} == {ValueType.TEXT}


@real
async def test_the_erp_describes_lengths_and_values_as_far_as_it_tells_them(subject: Subject) -> None:
    described = await subject.target.describe()
    assert described.fields[subject.erp.city_field].max_length == subject.erp.told_city_length
    assert described.fields[subject.target.capabilities.blocking_field].values == subject.erp.told_holds


@real
async def test_a_field_that_is_missing_shorter_or_of_another_type_is_described_so(subject: Subject) -> None:
    name, city = subject.erp.name_field, subject.erp.city_field
    plant(subject, **{name: FieldFault(missing=True), city: FieldFault(type="Edm.Int32")})
    described = await subject.target.describe()
    assert name not in described.fields
    assert described.fields[city].type is ValueType.INTEGER


@real
async def test_a_description_is_a_few_requests(subject: Subject) -> None:
    subject.simulated.simulator.log.clear()
    await subject.target.describe()
    report = subject.simulated.simulator.log.report(str(subject.erp.system), 0)
    assert 1 <= report["total"] <= 2


@real
async def test_metadata_that_is_refused_is_a_wrong_set_up(subject: Subject) -> None:
    subject.fault("status", status=404, count=1)
    with pytest.raises(ConfigurationFault):
        await subject.target.describe()


@real
async def test_metadata_that_is_away_is_transient(subject: Subject) -> None:
    subject.fault("status", status=503)
    with pytest.raises(TransientFault):
        await subject.target.describe()
