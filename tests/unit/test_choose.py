"""Into which partitions a page puts its checks: few in each, and as many in one as in another."""

from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from shared.load.choose import Pace, choose
from shared.model.change import session_of
from shared.model.sent import Sent

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WAITING = st.lists(st.integers(0, 6), min_size=1, max_size=8)


def _unfinished(waiting: list[int]) -> list[Sent]:
    return [
        Sent(uuid4(), NOW, session_of(place)) for place, number in enumerate(waiting) for _ in range(number)
    ]


@given(waiting=WAITING, most=st.integers(-3, 60), per_partition=st.integers(1, 6))
def test_no_partition_gets_more_than_it_may_have_and_none_is_left_empty_before_another_is_full(
    waiting: list[int], most: int, per_partition: int
) -> None:
    chosen = choose(_unfinished(waiting), most, Pace(200, per_partition, len(waiting)))
    room = sum(max(0, per_partition - number) for number in waiting)
    assert len(chosen) == min(max(0, most), room)
    new = Counter(chosen)
    after = [number + new[session_of(place)] for place, number in enumerate(waiting)]
    filled = [number for place, number in enumerate(after) if new[session_of(place)]]
    assert max(filled, default=0) <= per_partition
    assert max(filled, default=0) - min(after) <= 1


@given(waiting=WAITING)
def test_checks_of_an_older_release_whose_partition_is_unknown_stand_in_no_ones_way(
    waiting: list[int],
) -> None:
    unknown = [sent._replace(partition="") for sent in _unfinished(waiting)]
    pace = Pace(200, 3, len(waiting))
    assert len(choose(unknown, 1_000, pace)) == pace.bound
