"""What an event costs in requests, counted by the benchmark in memory: the same on every machine."""

from collections.abc import Mapping

import pytest

from bench import counts
from bench.figures import Figure
from bench.memory import Memory
from bench.stream import make_stream
from bench.targets import TARGETS


@pytest.fixture(scope="module")
def figures() -> Mapping[str, Figure]:
    return {figure.key: figure for figure in counts.measure()}


@pytest.mark.parametrize("key", [key for key in TARGETS if key.startswith("counts/")])
def test_a_count_keeps_its_target(figures: Mapping[str, Figure], key: str) -> None:
    assert TARGETS[key].met_by(figures[key].value), figures[key]


def test_the_counts_are_the_same_each_time(figures: Mapping[str, Figure]) -> None:
    assert {figure.key: figure for figure in counts.measure()} == figures


async def test_the_customers_are_right_after_the_stream() -> None:
    memory = Memory()
    await memory.map_currencies()
    stream = make_stream(150, 30)
    await memory.take(stream, a_second=8)
    names = {event.account: event.columns["name"] for event in stream if "name" in event.columns}
    standing = {key.number: row["OrganizationName"] for key, row in memory.operations.customers.items()}
    assert {number.casefold(): name for number, name in standing.items()} == {
        f"m-{account}": name for account, name in names.items()
    }
