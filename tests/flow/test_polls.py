"""What is polled makes few table requests, whatever the size: counted over the tables of the benchmark."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from bench.filled import Size, filled
from bench.growth import NoQueues
from bench.memory import ORGANIZATION, Memory
from shared.console.app import make_app
from shared.console.rendering import FOLDER
from shared.model.activity import KEPT, Activity, Way
from shared.model.diagnosis import Diagnosis
from shared.model.faults import System
from shared.model.finding import Finding, Grade
from shared.model.load import LoadRun, encode_load
from shared.model.page import RunKind
from shared.model.reconciliation import Reconciliation, encode_run
from shared.resilience.progress import Progress
from shared.storage.counts import CountTable
from shared.storage.diagnoses import DiagnosisTable
from shared.storage.tables import ACCOUNT_SYNC, CONTROL, ISSUES, get_row
from shared.wiring.operator import Operator
from tests.fakes import table_client
from tests.fakes.mapping import FakeInquiry
from tests.fakes.table_client import InMemoryTable
from tests.flow.console import BASE, principal

MOST = 10
HEALING = 18
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
    await something_goes_on(memory)
    return memory


async def something_goes_on(memory: Memory) -> None:
    """A first load, a comparison, and a check of the set-up that was asked for: each page then polls."""
    now, control = memory.clock.now(), memory.of[CONTROL]
    load = LoadRun(id=uuid4(), organization_id=ORGANIZATION, begun_at=now, total=100_000)
    comparison = Reconciliation(id="now", by="a person", started_at=now, changed_at=now)
    await memory.app.ports.runs.write(RunKind.LOAD, encode_load(load), None)
    await memory.app.ports.runs.write(RunKind.RECONCILE, encode_run(comparison), None)
    findings = tuple(Finding(f"check {number}", Grade.FINE, "It is there.") for number in range(100))
    diagnoses = DiagnosisTable(control)
    await diagnoses.keep(Diagnosis(now, "a build", "an identity", findings), "")
    await diagnoses.ask("a check")


def operator(memory: Memory) -> Operator:
    made = Operator(memory.app.settings, memory.app.field_map, memory.app.ports)
    made.__dict__ |= {"_sales": FakeInquiry(), "queue_depths": NoQueues()}
    made.clients.__dict__["tables"] = SimpleNamespace(get_table_client=memory.of.__getitem__)
    return made


def polled(path: str, says: str) -> Poll:
    """A page that reads itself again, as it is while something goes on."""

    async def poll(memory: Memory) -> object:
        transport = httpx.ASGITransport(make_app(operator(memory)))  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=transport, base_url="https://app.example") as client:
            answer = await client.get(BASE + path, headers=principal("administrator"))
        assert answer.status_code == 200
        assert says in answer.text
        assert 'data-refresh="' in answer.text
        return answer

    return poll


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


POLLED = {
    "/": "checks ended in the last day",
    "/runs": "sent for a check",
    "/set-up": "A new check was asked for",
}
POLLS: dict[str, Poll] = {"status": status, "health": health}
POLLS |= {path: polled(path, says) for path, says in POLLED.items()}


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


def test_every_page_that_polls_is_counted() -> None:
    texts = [file.read_text(encoding="utf-8") for file in (FOLDER / "templates").glob("*.html")]
    found = {path for text in texts for path in re.findall(r'hx-get="{{ base }}([^"]*)"', text)}
    assert found == POLLED.keys()


async def test_a_run_of_healing_keeps_the_counts_in_few_requests(memory: Memory) -> None:
    """The count of 100,000 parked accounts takes several runs; each is small."""
    before = len(memory.service.requests)
    progress = await Progress.begin(memory.app.ports.control, memory.clock, timedelta(seconds=45))
    await memory.app.heal.counts.run(progress, 5)
    assert len(memory.service.requests) - before <= MOST


async def test_no_run_of_healing_that_finds_nothing_changed_is_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows a page: every table is many pages, and in three hours all parts of healing meet in a run."""
    memory = await filled(Size(4_000, 100))
    counts, old = CountTable(memory.of[CONTROL]), memory.clock.now() - KEPT
    for minutes in range(120):
        await counts.add(Activity(old + timedelta(minutes=minutes), Counter({Way("webhook", "updated"): 3})))
    monkeypatch.setattr(table_client, "PAGE", 10)
    costs: list[Counter[str]] = []
    for _ in range(180):
        memory.clock.advance(60)
        before = len(memory.service.requests)
        await memory.heal()
        costs.append(Counter(memory.service.requests[before:]))
    dearest = max(costs, key=Counter.total)
    assert dearest.total() <= HEALING, dearest
    assert (await counts.parked()).ended is not None
    assert sum(cost["POST $batch Control"] == 2 for cost in costs) == 3, "old minutes were deleted each hour"
