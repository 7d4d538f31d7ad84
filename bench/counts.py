"""The suite `counts`: what the stream, one event of each ending and a burst cost in requests.

It runs in memory in seconds and gives the same counts each time, so that a change which costs a request shows
in every run of the tests.
"""

import asyncio
from collections import Counter

from bench.figures import Figure
from bench.memory import Memory
from bench.stream import ACCOUNTS, EVENTS, Event, make_stream

A_SECOND = 8.0
BURST, OTHER = 100, 999
ENDINGS = ("unchanged", "updated", "created")


def measure(events: int = EVENTS, accounts: int = ACCOUNTS) -> list[Figure]:
    """Count everything."""
    return asyncio.run(_measure(events, accounts))


async def _measure(events: int, accounts: int) -> list[Figure]:
    return [*await _stream(events, accounts), *[await _tables(ending) for ending in ENDINGS], await _burst()]


async def _prepared() -> Memory:
    """The app with one account, right after an event of another, which read what is kept for seconds."""
    memory = Memory()
    await memory.map_currencies()
    await memory.take([_creation(0)], A_SECOND)
    memory.clock.advance(10)
    await memory.take([_creation(OTHER)], A_SECOND)
    return memory


def _creation(account: int) -> Event:
    return Event(account, "create", {"name": f"Customer {account}", "currency": "Euro"})


async def _stream(events: int, accounts: int) -> list[Figure]:
    memory = Memory()
    await memory.map_currencies()
    before = len(memory.service.requests)
    await memory.take(make_stream(events, accounts), A_SECOND)
    tables = Counter(memory.service.requests[before:])
    endings = ", ".join(f"{count} {ending}" for ending, count in Counter(memory.endings).most_common())
    told = ", ".join(f"{count} {request}" for request, count in tables.most_common())
    methods = ", ".join(f"{count} {name}" for name, count in Counter(memory.operations.requests).items())
    return [
        Figure(
            "counts/erp-requests",
            "ERP requests an event",
            len(memory.operations.requests) / events,
            "",
            methods,
        ),
        Figure(
            "counts/dataverse-requests",
            "Dataverse requests an event",
            memory.sales.reads / events,
            "",
            endings,
        ),
        Figure("counts/tables-requests", "table requests an event", tables.total() / events, "", told),
    ]


async def _tables(ending: str) -> Figure:
    memory = await _prepared()
    event: Event = {
        "created": _creation(1),
        "updated": Event(0, "change", {"telephone1": "+45 1"}),
        "unchanged": Event(0, "equal", {"name": "Customer 0"}),
    }[ending]
    before = len(memory.service.requests)
    await memory.take([event], A_SECOND)
    assert memory.endings[-1] == ending
    made = memory.service.requests[before:]
    text = f"table requests of an event that ends as {ending}"
    return Figure(f"counts/tables-{ending}", text, len(made), detail=", ".join(made))


async def _burst() -> Figure:
    memory = await _prepared()
    before = len(memory.operations.requests)
    changes = [Event(0, "change", {"telephone1": f"+45 {number}"}) for number in range(BURST)]
    await memory.take(changes, BURST)
    writes = [method for method in memory.operations.requests[before:] if method != "GET"]
    told = ", ".join(f"{count} {ending}" for ending, count in Counter(memory.endings[2:]).items())
    return Figure(
        "counts/burst-writes", f"writes after {BURST} changes within a second", len(writes), "", told
    )
