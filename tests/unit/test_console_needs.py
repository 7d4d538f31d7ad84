"""What needs a person first, and where it is done, on the overview of the operator's page."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.console.needs import heading, needs_of
from shared.diagnostics.status import Status
from shared.model.breaker import Breaker
from shared.model.faults import System
from shared.model.issue import Issue
from shared.model.outcome import Cause
from shared.model.queues import QueueDepth

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PAUSED = Breaker(System.DATAVERSE, paused_by="somebody")


def status(
    issues: dict[str, int] | None = None,
    breakers: tuple[Breaker, ...] = (),
    dead: int = 0,
    troubles: tuple[str, ...] = (),
    parked: tuple[Issue, ...] = (),
    counted: timedelta = timedelta(),
) -> Status:
    return Status(
        at=NOW,
        queues=[QueueDepth("account-changes", 0, 0, dead, None)],
        breakers=breakers,
        issues=issues or {},
        outcomes={},
        window=timedelta(minutes=10),
        drain_seconds=0,
        troubles=troubles,
        parked=parked,
        counted_at=NOW - counted,
    )


def issue(number: int, cause: Cause, value: str) -> Issue:
    return Issue("", UUID(int=number), cause, value, "", "", None, "", "", "", 1)


def test_what_stops_all_accounts_comes_before_what_stops_some_and_many_before_few() -> None:
    found = status({"NoAccountNumber": 1, "UnmappedCurrency": 12}, (PAUSED,), 2, ("Events are missing",))
    needs = needs_of(found, "NAV", operates=True)
    assert [need.path for need in needs] == [
        "/systems",
        "/set-up",
        "/systems",
        "/issues?cause=UnmappedCurrency",
        "/issues?cause=NoAccountNumber",
    ]
    assert "12 accounts parked" in needs[3].said
    assert needs[3].link == "Add the code"
    assert "Give the account an account number" in needs[4].remedy
    assert heading(needs) == "5 things need you"


def test_an_age_is_told_with_a_count_of_before() -> None:
    (need,) = needs_of(status({"BadValue": 70_000}, counted=timedelta(minutes=9)), "NAV", operates=True)
    assert "70,000 accounts parked, counted 9 min ago" in need.said


def test_a_value_is_named_if_it_is_that_of_every_account_of_the_cause() -> None:
    two = (issue(1, Cause.UNMAPPED_CURRENCY, "yen"), issue(2, Cause.UNMAPPED_CURRENCY, "yen"))
    for number, operates, named in ((2, True, True), (3, True, False), (2, False, False)):
        (need,) = needs_of(status({"UnmappedCurrency": number}, parked=two), "NAV", operates=operates)
        assert ("yen" in need.said) is named
    other = (two[0], issue(2, Cause.UNMAPPED_CURRENCY, "won"))
    (need,) = needs_of(status({"UnmappedCurrency": 2}, parked=other), "NAV", operates=True)
    assert "yen" not in need.said


@pytest.mark.parametrize(
    "found",
    [
        status(),
        status({"BadValue": 1}),
        status({"NewCause": 1}),
        status(breakers=(PAUSED,)),
        status(dead=1),
        status(troubles=("x",)),
    ],
)
def test_a_person_is_needed_where_the_status_says_so(found: Status) -> None:
    assert bool(needs_of(found, "NAV", operates=True)) is bool(found.attention)
