"""What happens after a fault."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.customer import CustomerKey
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    QueueUnavailable,
    RejectedEvent,
    StateConflict,
    System,
    TransientFault,
)
from shared.model.outcome import Cause, Problem
from shared.resilience.retry_policy import UNEXPECTED_TRIES, Later, Park, RetryPolicy
from tests.unit.making import NOW

POLICY = RetryPolicy(first=10, cap=900, attempts=40, operator=300)
PROBLEM = Problem(Cause.UNMAPPED_CURRENCY, value="euro")
FAULTS: list[Exception] = [
    TransientFault(System.OPERATIONS, "answered 503"),
    TransientFault(System.OPERATIONS, "answered 429", retry_after=17),
    QueueUnavailable("away"),
    ConfigurationFault(System.OPERATIONS, "refuses.", "Check."),
    StateConflict(),
    RejectedEvent("not-json", "x"),
    CustomerNotFound(),
    CustomerAlreadyExists(CustomerKey("a", "b")),
    KeyError("a bug"),
]


def longest(ceiling: float) -> float:
    return ceiling


def shortest(_ceiling: float) -> float:
    return 0


def wait(fault: Exception, attempt: int = 0) -> float:
    found = POLICY.decide(fault, attempt, NOW, longest)
    assert isinstance(found, Later)
    return (found.due - NOW).total_seconds()


def test_a_fault_of_the_account_parks_at_once() -> None:
    assert POLICY.decide(AccountFault(PROBLEM), 0, NOW, longest) == Park(PROBLEM)


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 10), (1, 20), (2, 40), (6, 640), (7, 900), (38, 900)])
def test_waits_grow_to_the_cap(attempt: int, seconds: float) -> None:
    assert wait(FAULTS[0], attempt) == seconds


def test_the_wait_that_a_system_asks_for_is_kept() -> None:
    found = POLICY.decide(FAULTS[1], 5, NOW, shortest)
    assert isinstance(found, Later)
    assert found.due == NOW + timedelta(seconds=17)
    assert wait(FAULTS[1]) == 27


def test_real_attempts_end_parked_with_the_system_that_failed() -> None:
    found = POLICY.decide(FAULTS[0], 39, NOW, longest)
    assert found == Park(Problem(Cause.RETRIES_EXHAUSTED, value="operations"))


@pytest.mark.parametrize("attempt", [0, 39, 1000])
def test_a_wrong_set_up_never_parks(attempt: int) -> None:
    found = POLICY.decide(FAULTS[3], attempt, NOW, longest)
    assert isinstance(found, Later)
    assert not found.tried
    assert (found.due - NOW).total_seconds() == 310
    assert "Check." in found.reason


@pytest.mark.parametrize("attempt", [0, 39, 1000])
def test_a_faster_worker_costs_no_attempt(attempt: int) -> None:
    found = POLICY.decide(StateConflict(), attempt, NOW, shortest)
    assert isinstance(found, Later)
    assert not found.tried
    assert 1 <= (found.due - NOW).total_seconds() <= 4


@pytest.mark.parametrize("fault", FAULTS[5:])
def test_a_bug_has_a_small_budget_and_is_named_without_its_text(fault: Exception) -> None:
    assert isinstance(POLICY.decide(fault, UNEXPECTED_TRIES - 2, NOW, longest), Later)
    found = POLICY.decide(fault, UNEXPECTED_TRIES - 1, NOW, longest)
    assert found == Park(Problem(Cause.UNEXPECTED, error_type=type(fault).__name__))


def test_the_text_of_a_bug_is_no_reason() -> None:
    found = POLICY.decide(KeyError("Max Mustermann"), 0, NOW, longest)
    assert isinstance(found, Later)
    assert found.reason == "unexpected KeyError"


@given(st.sampled_from(FAULTS), st.integers(0, 10_000), st.floats(0, 1))
def test_every_wait_has_its_bounds(fault: Exception, attempt: int, share: float) -> None:
    found = POLICY.later(fault, attempt, NOW, lambda ceiling: share * ceiling)
    assert 0 <= (found.due - NOW).total_seconds() <= 910


@given(st.sampled_from(FAULTS), st.integers(0, 10_000))
def test_every_fault_ends_somewhere(fault: Exception, attempt: int) -> None:
    found = POLICY.decide(fault, attempt, NOW, longest)
    costs_a_try = not isinstance(fault, ConfigurationFault | StateConflict)
    assert isinstance(found, Park) == (costs_a_try and attempt + 1 >= _budget(fault))
    if isinstance(found, Later):
        assert found.tried == costs_a_try


def _budget(fault: Exception) -> int:
    return POLICY.attempts if isinstance(fault, TransientFault) else UNEXPECTED_TRIES


def test_a_single_attempt_parks_at_its_first_fault() -> None:
    once = RetryPolicy(first=1, cap=1, attempts=1, operator=1)
    assert all(isinstance(once.decide(fault, 0, NOW, longest), Park) for fault in (FAULTS[0], FAULTS[-1]))
