"""The index by rank against a simple model of it."""

from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.ordering import LowestFirst

KEYS = st.integers(0, 20)
STEPS = st.lists(st.one_of(st.tuples(KEYS, st.integers(0, 9)), KEYS, st.none()), max_size=200)


@given(STEPS)
def test_it_gives_the_lowest_rank_first_whatever_was_added_and_removed(
    steps: list[tuple[int, int] | int | None],
) -> None:
    index: LowestFirst[int] = LowestFirst()
    model: dict[int, tuple[int, int]] = {}
    for order, step in enumerate(steps):
        if isinstance(step, tuple):
            index.add(*step)
            model[step[0]] = (step[1], order)
        elif isinstance(step, int):
            index.discard(step)
            model.pop(step, None)
        else:
            expected = min(model, key=lambda key: model[key], default=None)
            assert index.pop_first() == expected
            model.pop(expected, None)  # type: ignore[arg-type]
        assert len(index) == len(model)
        assert index.first_rank() == min((rank for rank, _ in model.values()), default=None)


def test_memory_follows_what_is_in_it() -> None:
    index: LowestFirst[int] = LowestFirst()
    for key in range(10_000):
        index.add(key, key)
        index.discard(key)
    assert len(index._heap) < 200
