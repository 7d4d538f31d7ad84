"""The charts of the last day: heights from the minutes, and the same in words and numbers."""

from collections import Counter
from datetime import timedelta

from shared.console import charts
from shared.model.activity import Activity, Way
from tests.fakes.clock import START


def minute(ago: timedelta, lag: dict[int, int] | None = None, **endings: int) -> Activity:
    counts = Counter({Way("webhook", ending): number for ending, number in endings.items()})
    return Activity(START - ago, counts, lag=Counter(lag or {}))


HOUR = timedelta(hours=1)
DRAWN = charts.of(
    [
        minute(23 * HOUR, {0: 8}, updated=8, parked=2),
        minute(HOUR, {0: 1, 14: 1}, created=2, retrying=3),
        minute(timedelta(0), unchanged=5),
    ],
    START,
)


def test_each_quarter_of_an_hour_is_as_high_as_its_share_of_the_busiest() -> None:
    assert DRAWN.width == 96
    heights = {column.place: (column.ended, column.trouble) for column in DRAWN.columns if column.ended}
    assert [*heights.values()] == [(40.0, 8.0), (20.0, 12.0), (20.0, 0.0)]
    assert max(heights) == 95, "now is at the right"


def test_a_longer_lag_is_higher_and_no_write_has_none() -> None:
    first, second, last = (column for column in DRAWN.columns if column.ended)
    assert first.half == first.most < second.most == 40.0
    assert second.half == first.half
    assert (last.half, last.most) == (0.0, 0.0)


def test_the_same_is_told_in_words_and_numbers() -> None:
    day = f"{START - timedelta(days=1):%Y-%m-%d}"
    assert DRAWN.ended.startswith(f"20 checks ended in the last day, most of them from {day} 12:46 UTC")
    assert DRAWN.lag == "Half of the changes were written within 1 s, 95 of 100 within more than a day."
    told = [(hour.ended, hour.written, hour.trouble, hour.half, hour.most) for hour in DRAWN.hours]
    assert told == [(5, 0, 0, "", ""), (5, 2, 3, "1 s", "more than a day"), (10, 8, 2, "1 s", "1 s")]


def test_a_day_without_work_draws_nothing_and_says_so() -> None:
    empty = charts.of([], START)
    assert not any(column.ended or column.most for column in empty.columns)
    assert (empty.hours, empty.ended) == ([], "No check ended in the last day.")


def test_what_is_older_than_a_day_is_left_out() -> None:
    assert charts.of([minute(25 * HOUR, updated=7), minute(HOUR, updated=1)], START).hours[0].ended == 1
