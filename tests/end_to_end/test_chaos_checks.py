"""The plan of a chaos run is made of its seed, and its checks notice what they are there to notice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from local.chaos import customers, places
from local.chaos.conditions import Conditions
from local.chaos.customers import Marks, Truth
from local.chaos.families import PLANTED, planted
from local.chaos.parents import left_waiting, opened
from local.chaos.plan import make_plan
from local.chaos.sales import Written
from local.chaos.standing import Standing, waiting_in_vain
from local.chaos.terms import ROWS, TERMS, UNKNOWN, codes_of
from local.chaos.weather import Weather, usual
from local.demo.watch import Ledger
from local.dynamics.faults import FaultRule
from local.dynamics.simulator import Options, Simulator
from local.erps.business_central import BUSINESS_CENTRAL
from local.erps.nav import NAV
from local.erps.operations import OPERATIONS

COLUMNS: dict[str, Any] = {
    "name": "A0000 name",
    "telephone1": "0000 1",
    "emailaddress1": "A0000@example.com",
    "websiteurl": "https://A0000.example.com",
    "address1_city": "A0000 city",
    "address1_country": "Germany",
    "currency": "Euro",
    "terms": "Net 30",
    "statecode": 0,
    "accountnumber": "N0000",
}
CUSTOMER = {
    "CustomerAccount": "N0000",
    "OrganizationName": "A0000 name",
    "PrimaryContactPhone": "0000 1",
    "PrimaryContactEmail": "A0000@example.com",
    "PrimaryContactURL": "https://A0000.example.com",
    "AddressCity": "A0000 city",
    "AddressCountryRegionISOCode": "DE",
    "SalesCurrencyCode": "EUR",
    "OnHoldStatus": "No",
    "CustomerGroupId": "10",
    "PartyType": "Organization",
    "dataAreaId": "usmf",
    "IdentificationNumber": "id0",
    "InvoiceAccount": "",
    "PaymentTerms": "Net30",
}
QUEUES = ("dataverse-events", "account-changes", "load-pages", "rejected-events")
IDLE = {"active": 0, "locked": 0, "scheduled": 0, "deferred": 0, "dead_letter": 0}


def _truth(*, assigned: bool = False, **columns: object) -> Truth:
    written = Written("id0", COLUMNS | columns, [COLUMNS])
    return Truth(OPERATIONS, {0: written}, {"id0": written.columns}, assigned)


def _standing(*customers: dict[str, str], **state: str) -> Standing:
    return Standing(
        customers=list(customers),
        states={"id0": {"Phase": "synced", "CustomerAccount": "n0000"} | state},
        issues=[],
        owners={"N0000": {"AccountId": "id0"}},
        queues={name: dict(IDLE) for name in QUEUES},
        pending=0,
        unhealed=[],
    )


def _unequal(truth: Truth, standing: Standing) -> list[str]:
    return list(customers.unequal(truth, standing, parked_too=True))


def test_the_same_seed_makes_the_same_plan_and_another_one_another() -> None:
    conditions = Conditions(seed=3)
    plan = make_plan(conditions)
    assert plan == make_plan(Conditions(seed=3))
    assert plan != make_plan(Conditions(seed=4))
    assert len(plan.steps) == 2000 + 2 * PLANTED
    assert sum(step.kind == "create" for step in plan.steps) == 300 + PLANTED
    kills = [what for trouble in plan.trouble.values() for what, _ in trouble if what == "kill"]
    assert len(kills) == 10


def test_nothing_is_written_to_an_account_before_its_creation_or_after_its_deletion() -> None:
    there: set[int] = set()
    for step in make_plan(Conditions(seed=5)).steps:
        if step.kind == "create":
            there.add(step.account)
        assert step.account in there
        if step.kind == "delete":
            there.remove(step.account)


def test_a_right_end_has_no_violations() -> None:
    truth, standing = _truth(), _standing(CUSTOMER)
    assert _unequal(truth, standing) == []
    assert list(customers.doubled(standing, truth)) == []
    assert list(customers.foreign(standing, truth)) == []
    assert standing.restless == standing.unsettled == []
    assert list(places.dead(standing)) == list(places.issues_differ(standing)) == []


@pytest.mark.parametrize(
    "field", ["OrganizationName", "SalesCurrencyCode", "PaymentTerms", "OnHoldStatus", "dataAreaId"]
)
def test_one_wrong_field_is_noticed(field: str) -> None:
    (difference,) = _unequal(_truth(), _standing(CUSTOMER | {field: "wrong"}))
    assert field in difference


def test_a_missing_customer_is_noticed() -> None:
    assert "missing" in _unequal(_truth(), _standing())[0]
    nobody = replace(_standing(), states={})
    assert "has no customer" in _unequal(_truth(), nobody)[0]


def _families(parent_state: dict[str, str], child_state: dict[str, str]) -> tuple[Truth, Standing]:
    """An account, and its parent, of which nothing but the state counts."""
    parent: dict[str, object] = {**COLUMNS, "statecode": 1}
    accounts = {**_truth(parent=1).accounts, 1: Written("id1", parent, [COLUMNS])}
    rows = {written.id: written.columns for written in accounts.values()}
    truth, standing = Truth(OPERATIONS, accounts, rows, assigned=False), _standing(CUSTOMER, **child_state)
    standing.states["id1"] = {"Phase": "synced"} | parent_state
    return truth, standing


def test_another_customer_than_the_parents_is_noticed() -> None:
    truth, standing = _families({"CustomerAccount": "n0001"}, {})
    assert any("InvoiceAccount is '', expected 'N0001'" in text for text in _unequal(truth, standing))
    standing.customers[0] = CUSTOMER | {"InvoiceAccount": "n0001"}
    assert not [text for text in _unequal(truth, standing) if "InvoiceAccount" in text]


@pytest.mark.parametrize(
    "issue", ["UnmappedCurrency|euro", "UnmappedValue|payment-terms|net 15", "BadMapping|euro"]
)
def test_an_account_that_is_parked_for_a_row_that_is_there_is_noticed(issue: str) -> None:
    standing = _standing(CUSTOMER, Phase="parked", Issue=issue)
    assert list(waiting_in_vain(standing)) == [f"account id0 is parked as {issue}"]
    assert list(waiting_in_vain(_standing(CUSTOMER, Phase="parked", Issue="NumberTaken"))) == []


def test_payment_terms_are_edited_renamed_and_unmapped_for_a_while() -> None:
    """Terms that are renamed end with the code of their new name, which differs from that of the old one."""
    made = [found for trouble in make_plan(Conditions(seed=5)).trouble.values() for found in trouble]
    mapped = {name for what, name in made if what == "terms mapped"}
    renamed = {terms.name: terms.renamed for terms in TERMS if terms.renamed}
    assert {name for what, name in made if what == "terms renamed"} == renamed.keys()
    assert set(renamed.values()) <= mapped
    assert {row.name for row in ROWS if row.at_first is None} & mapped
    assert all(len(codes_of(OPERATIONS, name)) > 1 for name in renamed)


def test_a_creation_refused_for_its_terms_may_leave_a_customer_without_them() -> None:
    (unknown,) = (terms.name for terms in TERMS if terms.at_first == UNKNOWN)
    assert "" in codes_of(NAV, unknown)
    assert all("" not in codes_of(NAV, terms.name) for terms in TERMS if terms.name != unknown)
    assert "" not in codes_of(BUSINESS_CENTRAL, unknown)


def test_an_account_that_waits_for_a_parent_with_a_customer_is_noticed() -> None:
    waits = {"Phase": "parked", "Issue": "ParentNotSynced|id1"}
    assert "waits for 1" in next(left_waiting(*_families({"CustomerAccount": "n0001"}, waits)))
    truth, standing = _families({}, waits)
    assert list(left_waiting(truth, standing)) == []
    assert _unequal(truth, standing) == []


def test_a_circle_that_is_not_parked_is_noticed() -> None:
    truth, standing = _families({}, {"Phase": "parked", "Issue": "ParentNotSynced|id1"})
    assert "account 1 of a circle is synced" in next(opened(truth, standing, {0: 1, 1: 0}))
    standing.states["id1"] = {"Phase": "parked", "Issue": "ParentNotSynced|id0"}
    assert list(opened(truth, standing, {0: 1, 1: 0})) == []


def test_planted_circles_are_touched_by_nothing_else_and_no_parent_is_deleted() -> None:
    conditions = Conditions(seed=5)
    circles, parents = planted(conditions.accounts), dict[int, int]()
    for step in make_plan(conditions).steps:
        assert step.account not in circles or step.kind == "create" or step.columns.keys() == {"parent"}
        if "parent" in step.columns:
            parents[step.account] = int(str(step.columns["parent"]))
        if step.kind == "delete":
            parents.pop(step.account, None)
            assert step.account not in parents.values()
    assert {account: parents[account] for account in circles} == circles
    assert all(parent < child for child, parent in parents.items() if child not in circles)


def test_a_deleted_account_whose_customer_is_not_blocked_is_noticed() -> None:
    truth = _truth()
    truth.accounts[0].deleted = True
    assert "OnHoldStatus" in _unequal(truth, _standing(CUSTOMER))[0]
    assert _unequal(truth, _standing(CUSTOMER | {"OnHoldStatus": "All"})) == []


def test_a_second_customer_is_noticed() -> None:
    second = CUSTOMER | {"CustomerAccount": "C-1"}
    standing = _standing(CUSTOMER, second)
    assert "no account knows it" in next(customers.doubled(standing, _truth()))
    assert any("2 customers" in text for text in customers.doubled(standing, _truth(assigned=True)))


def test_a_foreign_mark_is_noticed_even_if_it_was_undone() -> None:
    foreign = CUSTOMER | {"PrimaryContactPhone": "0001 2"}
    assert "A0001" in next(customers.foreign(_standing(foreign), _truth()))
    marks = Marks(OPERATIONS)
    marks.add([CUSTOMER])
    assert list(marks.foreign()) == []
    marks.add([foreign])
    marks.add([CUSTOMER])
    assert "A0001" in next(marks.foreign())


def test_an_owner_row_of_another_account_is_noticed() -> None:
    standing = replace(_standing(CUSTOMER), owners={"N0000": {"AccountId": "id1"}})
    assert "registered to id1" in next(customers.foreign(standing, _truth()))


def test_what_still_moves_is_noticed() -> None:
    assert _standing(CUSTOMER, Phase="retrying").unsettled
    assert _standing(CUSTOMER, DoubtfulUntil="2026-11-22T12:00:00+00:00").unsettled
    standing = _standing(CUSTOMER)
    standing.queues["account-changes"]["scheduled"] = 1
    assert standing.restless == ["account-changes: 1 scheduled"]


def test_lost_events_and_messages_are_noticed() -> None:
    job = {
        "operation_id": "o1",
        "account_id": "id0",
        "state": "posted",
        "size": 8000,
        "via": "queue",
        "error": None,
    }
    ledger = Ledger()
    assert "never seen" in next(places.unaccounted([job], ledger))
    ledger.add({"event": "intake", "ending": "queued", "operation_id": "o1", "detail": "m1"})
    assert "has no outcome" in next(places.unaccounted([job], ledger))
    outcome = {"event": "outcome", "ending": "parked", "detail": "RetriesExhausted"}
    ledger.add(outcome | {"first_message_id": "m1", "account_id": "id0"})
    assert list(places.unaccounted([job], ledger)) == []
    assert "RetriesExhausted" in next(places.bugs(ledger))


def test_garbage_that_was_not_kept_dead_letters_and_stray_issues_are_noticed() -> None:
    assert list(places.not_kept(["g1", "g2"], [b"<x>g1</x>"])) == ["g2 is not in rejected-events"]
    standing = _standing(CUSTOMER, Phase="parked", Issue="NumberTaken")
    assert "without its row" in next(places.issues_differ(standing))
    standing.queues["account-changes"]["dead_letter"] = 2
    assert "2 dead letters" in next(places.dead(standing))


OF = {"erp": "operations", "dataverse": "dataverse", "events": "events"}


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[Simulator, httpx.AsyncClient]]:
    """The simulators with a client of their control endpoint."""
    simulator = Simulator(Options())
    addresses = await simulator.start()
    async with httpx.AsyncClient(base_url=addresses["control"]) as control:
        yield simulator, control
    await simulator.stop()


@pytest.mark.parametrize("what", ["outage", "wrong credentials"])
@pytest.mark.parametrize("before", [False, True], ids=["calm", "usual"])
async def test_after_an_outage_the_weather_is_as_it_was_before(
    simulator: tuple[Simulator, httpx.AsyncClient], what: str, before: bool
) -> None:
    """An outage on a calm stand must not end in faults that rightly park an account."""
    simulated, control = simulator
    weather = Weather(control, "operations")
    if before:
        await weather.usual()
    await weather.outage(what, 0.01)
    left = [fault.rule for fault in simulated.faults.active]
    rules = usual("operations") if before else ()
    assert left == [FaultRule.model_validate({**rule, "system": OF[rule["system"]]}) for rule in rules]
