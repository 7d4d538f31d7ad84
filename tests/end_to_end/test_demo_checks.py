"""The demonstration's own checks notice what they are there to notice."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest

from local.demo.cases import cases_of, steps_of
from local.demo.checks import customers_differ, events_lost
from local.demo.scenario import plan
from local.demo.watch import Ledger
from local.erps.by_target import ERPS
from local.erps.erp import Erp
from local.erps.operations import OPERATIONS

EMPTY = {"active": 0, "locked": 0, "scheduled": 0, "deferred": 0, "dead_letter": 0, "duplicates_dropped": 0}


def _queues(**account_changes: int) -> dict[str, dict[str, int]]:
    return {
        "dataverse-events": dict(EMPTY),
        "account-changes": EMPTY | account_changes,
        "rejected-events": dict(EMPTY),
    }


def _intake(operation: str, ending: str = "queued", detail: str = "m.0") -> dict[str, Any]:
    return {"event": "intake", "ending": ending, "detail": detail, "operation_id": operation}


def _outcome(ending: str, message_id: str = "m.0", source: str = "webhook") -> dict[str, Any]:
    return {
        "event": "outcome",
        "ending": ending,
        "detail": "",
        "first_message_id": message_id,
        "account_id": "a",
        "source": source,
    }


def _ledger(*records: dict[str, Any]) -> Ledger:
    ledger = Ledger()
    for record in records:
        ledger.add(record)
    return ledger


def _lost(posted: Iterable[str], *records: dict[str, Any], **account_changes: int) -> list[str]:
    jobs = [{"operation_id": operation} for operation in posted]
    return list(events_lost(jobs, _ledger(*records), _queues(**account_changes)))


def test_an_event_that_ended_is_not_lost() -> None:
    assert _lost(["o"], _intake("o"), _outcome("retrying"), _outcome("created")) == []


@pytest.mark.parametrize(
    "records",
    [
        (),
        (_intake("o"),),
        (_intake("o"), _outcome("retrying")),
        (_intake("o"), _outcome("created"), _outcome("updated")),
        (_intake("o"), _intake("other", detail="n.0"), _outcome("created"), _outcome("created", "n.0")),
    ],
    ids=["no intake", "no outcome", "still retrying", "two outcomes", "an event of nobody"],
)
def test_an_event_without_exactly_one_end_is_noticed(records: tuple[dict[str, Any], ...]) -> None:
    assert _lost(["o"], *records)


def test_a_repeat_counts_as_dropped_only_if_the_broker_dropped_one() -> None:
    records = (_intake("o"), _intake("o"), _outcome("created"))
    assert _ledger(*records).outcomes() == {"created": 1, "repeated": 1}
    assert _lost(["o", "o"], *records, duplicates_dropped=1) == []
    assert _lost(["o", "o"], *records, duplicates_dropped=0)


def test_dead_letters_and_messages_that_wait_are_noticed() -> None:
    records = (_intake("o"), _outcome("created"))
    assert _lost(["o"], *records, dead_letter=1)
    assert _lost(["o"], *records, scheduled=1)


def test_any_difference_of_customers_is_noticed() -> None:
    expected = plan(OPERATIONS, 10, 60).expected()
    assert list(customers_differ(OPERATIONS, expected, expected)) == []
    other = {number: dict(customer) for number, customer in expected.items()}
    other["D-1004"]["SalesCurrencyCode"] = "USD"
    assert list(customers_differ(OPERATIONS, expected, other)) == [
        "D-1004: SalesCurrencyCode is 'USD', expected 'ZAR'"
    ]
    assert list(customers_differ(OPERATIONS, expected, {})) != []
    assert list(customers_differ(OPERATIONS, {}, expected)) != []


@pytest.mark.parametrize("erp", ERPS.values(), ids=ERPS)
@pytest.mark.parametrize(("accounts", "events"), [(5, 5), (5, 200), (10, 11), (25, 100), (200, 2000)])
def test_a_scenario_has_the_size_asked_for(erp: Erp, accounts: int, events: int) -> None:
    scenario = plan(erp, accounts, events)
    assert len(scenario.cases) == accounts
    assert scenario.events == events
    numbers = {case.number for case in scenario.cases} | {""}
    assert {step.number for step in chain.from_iterable(scenario.waves)} <= numbers


@pytest.mark.parametrize("erp", ERPS.values(), ids=ERPS)
def test_the_default_scenario_has_every_case_and_step_by_hand(erp: Erp) -> None:
    scenario, by_hand = plan(erp, 25, 100), cases_of(erp.target)
    assert scenario.cases[: len(by_hand)] == by_hand
    taken = list(chain.from_iterable(scenario.waves))
    assert all(step in taken for _, step in steps_of(erp.target))
