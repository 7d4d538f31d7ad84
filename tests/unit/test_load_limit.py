"""The limit of a first load, when many creations ask at the same time."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from shared.model.change import AccountChange
from shared.model.faults import NotYet, System, TransientFault
from shared.model.load import LoadRun, LoadState, decode_load, encode_load
from shared.model.page import RunKind
from shared.resilience.load_limit import LoadLimit
from tests.fakes.clock import START, FakeClock
from tests.fakes.runs import FakeRuns
from tests.fakes.tables import FakeControl

RUN = LoadRun(id=UUID(int=1), organization_id=UUID(int=2), begun_at=START, max_creates=20)


@dataclass
class SlowControl(FakeControl):
    """Control that takes a moment, and counts how often it is asked; `fails` is raised once."""

    asked: list[int] = field(default_factory=list[int])
    fails: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__()

    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int:
        self.asked.append(wanted)
        await asyncio.sleep(0)
        if fails := self.fails:
            self.fails = None
            raise fails
        return await super().reserve(kind, hour, wanted, ceiling)


def _of(run: LoadRun = RUN) -> tuple[LoadLimit, SlowControl, FakeRuns]:
    control, runs = SlowControl(), FakeRuns()
    return LoadLimit(control, runs, FakeClock()), control, runs


def _check(run: LoadRun = RUN) -> AccountChange:
    return run.check(uuid4())


async def test_creations_that_ask_at_the_same_time_are_counted_in_few_requests() -> None:
    limit, control, runs = _of()
    await runs.write(RunKind.LOAD, encode_load(RUN), None)
    await asyncio.gather(*(limit.allow(_check()) for _ in range(16)))
    assert list(control.reserved.values()) == [16]
    assert len(control.asked) <= 2


async def test_as_many_are_refused_as_are_over_the_limit_and_the_load_pauses() -> None:
    limit, control, runs = _of()
    await runs.write(RunKind.LOAD, encode_load(RUN), None)
    answers = await asyncio.gather(*(limit.allow(_check()) for _ in range(26)), return_exceptions=True)
    assert [type(answer) for answer in answers if answer] == [NotYet] * 6
    assert list(control.reserved.values()) == [20]
    assert decode_load(runs.rows[RunKind.LOAD].document).state is LoadState.PAUSED


async def test_a_limit_that_was_raised_a_moment_ago_counts() -> None:
    limit, control, runs = _of()
    etag = await runs.write(RunKind.LOAD, encode_load(RUN), None)
    await limit.allow(_check())
    await runs.write(RunKind.LOAD, encode_load(replace(RUN, max_creates=40)), etag)
    await asyncio.gather(*(limit.allow(_check()) for _ in range(30)))
    assert list(control.reserved.values()) == [31]


async def test_a_fault_fails_one_and_the_others_are_counted() -> None:
    limit, control, runs = _of()
    await runs.write(RunKind.LOAD, encode_load(RUN), None)
    control.fails = TransientFault(System.TABLES, "answered 503")
    answers = await asyncio.gather(*(limit.allow(_check()) for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers if answer] == [TransientFault]
    assert list(control.reserved.values()) == [4]


async def test_who_was_counted_and_is_cancelled_leaves_the_share_to_the_next() -> None:
    limit, control, runs = _of()
    await runs.write(RunKind.LOAD, encode_load(RUN), None)
    first, second = (asyncio.ensure_future(limit.allow(_check())) for _ in range(2))
    while not control.reserved:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await limit.allow(_check())
    assert second.cancelled()
    assert list(control.reserved.values()) == [2]
