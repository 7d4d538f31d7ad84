"""The waterfall: bars on one scale, within the picture, and failed ones known."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.diagnostics.waterfall import bars
from shared.model.attempt import LastAttempt, Step

TIMES = st.floats(0, 1e7, allow_nan=False)


def attempt(duration: float, *steps: Step) -> LastAttempt:
    return LastAttempt(datetime(2026, 11, 22, tzinfo=UTC), duration, "", "webhook", 0, "updated", steps)


def test_a_bar_begins_and_ends_where_its_step_does() -> None:
    first, second, storing = bars(
        attempt(
            200.0,
            Step("read", 0.0, 50.0, "dataverse", "ok"),
            Step("write", 50.0, 100.0, "operations", "ok"),
            Step("record", 190.0, None, "", ""),
        )
    )
    assert (first.begins, first.length, first.took) == (0.0, 0.25, "50 ms")
    assert (second.begins, second.length) == (0.25, 0.5)
    assert storing.begins + storing.length == 1.0
    assert storing.took == "…"


@pytest.mark.parametrize(
    ("status", "failed"), [("ok", False), ("200", False), ("429", True), ("503", True), ("NotYet", True)]
)
def test_what_did_not_go_well_is_marked(status: str, failed: bool) -> None:
    (bar,) = bars(attempt(1.0, Step("read", 0.0, 1.0, "", status)))
    assert bar.failed == failed


@given(TIMES, st.lists(st.tuples(TIMES, st.none() | TIMES), max_size=20))
def test_no_bar_leaves_the_picture(duration: float, times: list[tuple[float, float | None]]) -> None:
    for bar in bars(attempt(duration, *(Step("x", start, took, "", "ok") for start, took in times))):
        assert 0 <= bar.begins <= 1
        assert bar.length >= 0
        assert bar.begins + bar.length <= 1.000001
