"""What is polled makes few table requests, whatever the size: counted over the tables of the benchmark."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import cast
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from bench.filled import Size, filled
from bench.growth import NoQueues
from bench.memory import Memory
from shared.console.app import make_app
from shared.model.activity import KEPT, Activity, Way
from shared.model.faults import System
from shared.resilience.progress import Progress
from shared.storage.counts import CountTable
from shared.storage.diagnoses import DiagnosisTable
from shared.storage.tables import ACCOUNT_SYNC, CONTROL, ISSUES, get_row
from shared.wiring.operator import Operator
from tests.fakes.mapping import FakeInquiry
from tests.fakes.table_client import InMemoryTable
from tests.flow.console import BASE, principal

MOST = 10
KEY = "the key"
type Poll = Callable[[Memory], Awaitable[object]]


async def full(rows: int) -> Memory:
    """So many accounts, as many of them parked, and eight days of minutes."""
    memory = await filled(Size(rows, 10))
    issues = cast(InMemoryTable, memory.of[ISSUES])
    ((problem, _), issue) = next(iter(issues.rows.items()))
    issues.fill({(problem, str(UUID(int=number))): issue for number in range(rows)})
    counts, control = CountTable(memory.of[CONTROL]), cast(InMemoryTable, memory.of[CONTROL])
    await counts.add(Activity(memory.clock.now(), Counter({Way("webhook", "updated"): 3})))
    ((keys, minute),) = ((key, row) for key, row in control.rows.items() if key[0] == "minute")
    past = [
        memory.clock.now() - timedelta(minutes=back) for back in range(1, int(KEPT.total_seconds()) // 60)
    ]
    values = {at: {**minute.values, "At": at.isoformat()} for at in past}
    control.fill({(keys[0], f"{at:%Y-%m-%dT%H:%M}"): minute._replace(values=values[at]) for at in past})
    return memory


def operator(memory: Memory) -> Operator:
    made = Operator(memory.app.settings, memory.app.field_map, memory.app.ports)
    made.__dict__ |= {"_sales": FakeInquiry(), "queue_depths": NoQueues()}
    return made


async def overview(memory: Memory) -> object:
    transport = httpx.ASGITransport(make_app(operator(memory)))  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url="https://app.example") as client:
        answer = await client.get(f"{BASE}/", headers=principal("operator"))
    assert answer.status_code == 200
    assert "checks ended in the last day" in answer.text
    return answer


async def status(memory: Memory) -> object:
    found = await operator(memory).read_status.now(timedelta(minutes=1440))
    assert found.outcomes["updated"] > 1000
    assert not [line for line in found.troubles if "not read" in line]
    return found


async def health(memory: Memory) -> object:
    control = memory.of[CONTROL]
    memory.app.clients.__dict__["diagnoses"] = DiagnosisTable(control)
    found = memory.app.health
    found.key = SecretStr(KEY)

    async def probe() -> None:
        await get_row(control, "probe", "probe")

    found.probes = {**found.probes, System.TABLES: probe}
    report = await found.report(KEY)
    assert cast("dict[str, int]", report["outcomes"])["updated"] > 10
    return report


POLLS: dict[str, Poll] = {"overview": overview, "status": status, "health": health}


@pytest.fixture(scope="module", params=[1_000, 100_000])
async def memory(request: pytest.FixtureRequest) -> Memory:
    return await full(request.param)


@pytest.mark.parametrize("name", POLLS)
async def test_a_poll_makes_few_table_requests_whatever_the_size(memory: Memory, name: str) -> None:
    before = len(memory.service.requests)
    await POLLS[name](memory)
    made = memory.service.requests[before:]
    assert 0 < len(made) <= MOST, Counter(made)
    assert not any(request == f"GET ? {ACCOUNT_SYNC}" for request in made), (
        "nothing polled reads the accounts"
    )


async def test_a_run_of_healing_keeps_the_counts_in_few_requests(memory: Memory) -> None:
    """The count of 100,000 parked accounts takes several runs; each is small."""
    before = len(memory.service.requests)
    progress = await Progress.begin(memory.app.ports.control, memory.clock, timedelta(seconds=45))
    await memory.app.heal.counts.run(progress)
    assert len(memory.service.requests) - before <= MOST
