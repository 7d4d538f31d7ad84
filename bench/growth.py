"""The suite `growth`: what an event, healing and the status cost as accounts and mapping rows grow in number.

The tables are in memory and charge one request for each 1,000 rows read, as the real service does.
`bench/azurite.py` shows that they are right.
"""

import asyncio
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Figure
from bench.filled import A_SECOND, ACTIVE, Size, filled
from bench.memory import Memory
from bench.stream import Event
from shared.diagnostics.status import ReadStatus
from shared.model.queues import QueueDepth

ACCOUNTS = (1_000, 10_000, 100_000, 1_000_000)
MAPPINGS = (100, 1_000, 10_000, 100_000)
QUICK = (1_000, 20_000)
EVENTS = 480  # one minute of them, so that what is read once a minute is counted
HEALS = 16  # minutes: what healing does every fifteen minutes is in
MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was measured at a size.

    `lone` are the requests of an event after minutes of quiet, `heal` those of the dearest of its runs, `cpu`
    is in µs an event, `memory` in MB.
    """

    size: Size
    requests: float
    lone: int
    cpu: float
    heal: Counter[str]
    status: int
    memory: float
    told: str


class NoQueues:
    """Implements QueueDepths: the queues are empty."""

    async def depths(self) -> Sequence[QueueDepth]:
        """Nothing waits."""
        return []


async def cost_at(size: Size, memory: Memory) -> Cost:
    """Measure at a size; `memory` has the accounts and mapping rows in it already."""
    await minute(memory)  # reads what a process keeps
    before, began = len(memory.service.requests), time.process_time()
    await minute(memory)
    cpu, made = time.process_time() - began, memory.service.requests[before:]
    heals = [await heal_once(memory) for _ in range(HEALS)]
    before = len(memory.service.requests)
    await status_of(memory).now()
    status = len(memory.service.requests) - before
    return Cost(
        size=size,
        requests=len(made) / EVENTS,
        lone=await _lone(memory),
        cpu=cpu / EVENTS * 1e6,
        heal=max(heals, key=Counter.total),
        status=status,
        memory=await _memory(memory),
        told=named(Counter(made)),
    )


async def minute(memory: Memory) -> None:
    """A minute of changes and of values that stand there already, over accounts that are active."""
    events = [
        Event(place % ACTIVE, "change", {"telephone1": f"+45 {place} {memory.clock.now().timestamp()}"})
        if place % 2
        else Event(place % ACTIVE, "equal", {"name": f"Customer {place % ACTIVE}"})
        for place in range(EVENTS)
    ]
    await memory.take(events, A_SECOND)
    await memory.app.keep_minutes.store()


async def _lone(memory: Memory) -> int:
    """The requests of one event after minutes in which nothing happened."""
    memory.clock.advance(10 * MINUTE)
    before = len(memory.service.requests)
    await memory.take([Event(0, "equal", {"name": "Customer 0"})], A_SECOND)
    return len(memory.service.requests) - before


async def heal_once(memory: Memory) -> Counter[str]:
    memory.clock.advance(MINUTE)
    before = len(memory.service.requests)
    await memory.heal()
    return Counter(memory.service.requests[before:])


def status_of(memory: Memory) -> ReadStatus:
    ports = memory.app.ports
    return ReadStatus(
        queues=NoQueues(),
        control=ports.control,
        issues=ports.issues,
        counts=ports.counts,
        clock=ports.clock,
        in_use=memory.app.target_in_use,
        runs=ports.runs,
    )


async def _memory(memory: Memory) -> float:
    """What a new process of the app keeps after an event and a run of healing, in MB."""
    memory.restart()
    tracemalloc.start()
    await memory.take([Event(0, "equal", {"name": "Customer 0"})], A_SECOND)
    await memory.heal()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / 1e6


async def _costs(sizes: Sequence[Size]) -> list[Cost]:
    return [await cost_at(size, await filled(size)) for size in sizes]


def measure(quick: bool = False) -> list[Figure]:
    """Measure every size."""
    accounts, mappings = (QUICK, (100, QUICK[-1])) if quick else (ACCOUNTS, MAPPINGS)
    by_accounts = asyncio.run(_costs([Size(count, mappings[0]) for count in accounts]))
    by_mappings = asyncio.run(_costs([Size(accounts[0], count) for count in mappings]))
    return [*_growth(by_accounts, "accounts"), *_growth(by_mappings, "mapping")]


def _growth(costs: Sequence[Cost], what: str) -> list[Figure]:
    first, last = costs[0], costs[-1]
    each = [
        Figure(
            f"growth/{what}-{_count(cost, what)}", "table requests an event", cost.requests, "", _all(cost)
        )
        for cost in costs
    ]
    sizes = f"{_told(last.size)}, to {_told(first.size)}"
    of_requests, of_cpu = last.requests / first.requests, last.cpu / first.cpu
    of_lone = last.lone / first.lone
    heal = max(costs, key=lambda cost: cost.heal.total())
    status = max(costs, key=lambda cost: cost.status)
    told = f"{_told(heal.size)}: {named(heal.heal)}"
    text = "table requests of the dearest run of heal, nothing changed"
    return [
        *each,
        Figure(f"growth/heal-{what}", text, heal.heal.total(), "", told),
        Figure(f"growth/status-{what}", "table requests of a status", status.status, "", _told(status.size)),
        Figure(f"growth/lone-{what}", "table requests after quiet, largest to smallest", of_lone, "x", sizes),
        Figure(
            f"growth/requests-{what}", "table requests an event, largest to smallest", of_requests, "x", sizes
        ),
        Figure(f"growth/cpu-{what}", "CPU an event, largest to smallest", of_cpu, "x", sizes),
    ]


def _count(cost: Cost, what: str) -> int:
    return cost.size.accounts if what == "accounts" else cost.size.mappings


def _all(cost: Cost) -> str:
    return (
        f"after quiet {cost.lone}, CPU {cost.cpu:,.0f} µs an event, heal {cost.heal.total()}, "
        f"status {cost.status:,} requests, {cost.memory:.1f} MB kept; {cost.told}"
    )


def named(requests: Counter[str]) -> str:
    return ", ".join(f"{count} {request}" for request, count in requests.most_common())


def _told(size: Size) -> str:
    return f"{size.accounts:,} accounts, {size.mappings:,} mapping rows"
