"""Counts of a minute: what is counted, how lag is told, and what shows that events come."""

from collections import Counter

import pytest

from shared.model.activity import LAG_BOUNDS, Activity, Way, bucket_of, lag_within, together
from shared.model.outcome import Ending
from shared.telemetry.activity import Counted
from tests.fakes.clock import START


@pytest.mark.parametrize(("seconds", "bucket"), [(0, 0), (1, 0), (1.1, 1), (86_400, 13), (86_401, 14)])
def test_a_lag_is_counted_in_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


def test_the_lag_of_a_share_of_the_writes_is_the_bound_of_its_bucket() -> None:
    lag = Counter({0: 50, 2: 45, 14: 5})
    assert lag_within(lag, 0.5) == LAG_BOUNDS[0]
    assert lag_within(lag, 0.95) == LAG_BOUNDS[2]
    assert lag_within(lag, 0.96) == float("inf")
    assert lag_within(Counter(), 0.5) is None


def test_taking_begins_anew_and_what_is_given_back_is_counted_again() -> None:
    counted = Counted()
    assert not counted.waits
    counted.outcome("webhook", Ending.UPDATED)
    counted.lag(3)
    taken = counted.take(START)
    assert not counted.waits
    counted.outcome("webhook", Ending.UPDATED)
    counted.intake("webhook", "queued")
    counted.give_back(taken)
    both = counted.take(START)
    assert both.outcomes == {Way("webhook", "updated"): 2}
    assert (both.intake, both.lag) == ({Way("webhook", "queued"): 1}, {2: 1})


@pytest.mark.parametrize(
    ("outcomes", "intake", "events", "missed"),
    [
        ([("webhook", "parked")], [], True, False),
        ([("burst", "updated")], [], True, False),
        ([], [("dataverse-queue", "filtered")], True, False),
        ([("heal", "updated"), ("replay", "created")], [], False, False),
        ([("catch-up", "updated")], [], False, True),
        ([("catch-up", "unchanged"), ("catch-up", "covered")], [], False, False),
    ],
)
def test_a_minute_shows_whether_events_come_and_whether_any_was_missed(
    outcomes: list[tuple[str, str]], intake: list[tuple[str, str]], events: bool, missed: bool
) -> None:
    minute = Activity(START, Counter(Way(*one) for one in outcomes), Counter(Way(*one) for one in intake))
    assert (minute.shows_events, minute.shows_missed) == (events, missed)


def test_minutes_together_are_their_sum() -> None:
    one = Activity(START, Counter({Way("webhook", "updated"): 2}), lag=Counter({0: 2}))
    assert together(START, [one, one]) == Activity(
        START, Counter({Way("webhook", "updated"): 4}), lag=Counter({0: 4})
    )
