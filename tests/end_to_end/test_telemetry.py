"""Spans and metrics of the running app, as TELEMETRY=file writes them: one trace for an event, exact sums."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.demo import run as demo
from local.erps.operations import OPERATIONS
from local.stand import Stand
from tests.end_to_end.operator import running_with
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually

STEPS = {"intake", "sync_account", "read", "resolve", "plan", "claim", "write", "record"}
UNWRITTEN = ("retrying", "queued", "repeated")  # on the way, or dropped by the broker

type Line = dict[str, Any]


class Lines:
    """What the hosts wrote into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, kind: str) -> list[Line]:
        return [line for line in self._all() if kind in line]

    async def trace(self, account_id: str, ending: str) -> list[Line]:
        """The spans of the trace in which the account's check ended so, once its last one is there."""

        async def spans() -> list[Line]:
            found = self.of("span")
            traces = {
                span["trace_id"]
                for span in found
                if span["attributes"].get("account_id") == account_id
                and (span["span"], span["attributes"]["ending"]) == ("sync_account", ending)
            }
            return [span for span in found if span["trace_id"] in traces]

        return await eventually(spans, bool, f"a span {ending} of account {account_id}")

    def _all(self) -> Iterator[Line]:
        for file in self.folder.glob("*.jsonl"):
            *lines, _ = file.read_text(encoding="utf-8").split("\n")  # the last one may be half written
            yield from map(json.loads, lines)


@pytest.fixture
async def lines(stand: Stand, tmp_path: Path) -> AsyncIterator[Lines]:
    async with running_with(stand, {"TELEMETRY": "file", "TELEMETRY_FILE": str(tmp_path)}):
        found = Lines(tmp_path)

        async def begun() -> list[Line]:
            return found.of("resource")

        await eventually(begun, bool, "the export has begun")
        yield found


def named(spans: list[Line], name: str) -> list[Line]:
    return [span for span in spans if span["span"] == name]


async def test_an_event_is_one_trace_through_both_functions_and_holds_nothing_of_the_account(
    system: System, lines: Lines
) -> None:
    number = system.number()
    columns = {"telephone1": f"tel {number}", "address1_city": f"city {number}"}
    account_id = await system.create(number, **columns)
    await system.settled(account_id)
    spans = await lines.trace(account_id, "created")
    assert {span["span"] for span in spans} >= STEPS
    (taken,), (checked,) = named(spans, "intake"), named(spans, "sync_account")
    assert checked["parent_id"] == taken["span_id"]
    (link,) = checked["links"]  # the host's invocation, a trace of its own
    assert link["trace_id"] != checked["trace_id"]
    by_id = {span["span_id"]: span for span in spans}
    for name in STEPS - {"intake", "sync_account"}:
        assert all(root_of(span, by_id) is checked for span in named(spans, name)), name
    assert taken["attributes"]["operation_id"] == checked["attributes"]["operation_id"]
    requests = {span["span"]: span["attributes"] for span in spans if span["kind"] == "client"}
    assert requests["GET /api/data/v9.2/accounts()"]["system"] == "dataverse"
    assert requests["POST /data/CustomersV3"]["http.response.status_code"] == 201
    told = "".join(file.read_text(encoding="utf-8") for file in lines.folder.glob("*"))
    assert number not in told  # it is in each value of the account
    assert "http://" not in told


def root_of(span: Line, by_id: dict[str, Line]) -> Line:
    """The span of a function that this one is in."""
    while span["span"] not in {"intake", "sync_account"}:
        span = by_id[span["parent_id"]]
    return span


async def test_the_attempts_of_a_change_are_in_its_trace(
    system: System, control: httpx.AsyncClient, lines: Lines
) -> None:
    fault = {"kind": "status", "status": 503, "count": 2}
    rule = {"system": "operations", "method": "POST", "path": "CustomersV3", **fault}
    (await control.post("/faults", json=rule)).raise_for_status()
    account_id = await system.create(system.number())
    await system.settled(account_id)
    spans = await lines.trace(account_id, "created")
    checks = sorted(named(spans, "sync_account"), key=lambda span: span["attributes"]["hop"])
    endings = [span["attributes"]["ending"] for span in checks]
    assert endings == ["retrying"] * (len(checks) - 1) + ["created"]
    assert len(checks) > 1
    assert checks[-1]["attributes"]["attempt"] > 0
    answers = [
        span["attributes"]["http.response.status_code"] for span in named(spans, "POST /data/CustomersV3")
    ]
    assert sorted(answers) == [201, 503, 503]


async def test_the_sums_of_the_metrics_are_the_counts_of_the_demonstration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Metrics are complete once the stand has ended; what came before the SDK was loaded is in them."""
    monkeypatch.setattr(
        demo, "SETTINGS", {**demo.SETTINGS, "TELEMETRY": "file", "TELEMETRY_FILE": str(tmp_path)}
    )
    result = await demo.run(OPERATIONS, 8, 30, lambda _what, _ended: None)
    assert result.differences == result.lost == []
    counted, parked = Counter[str](), Counter[str]()
    for line in Lines(tmp_path).of("metric"):
        of = line["dimensions"]
        if line["metric"] == "sync.outcome" and of["source"] in {"dataverse-queue", "webhook"}:
            counted[of["ending"]] += line["value"]
            parked[of["cause"]] += line["value"] if of["ending"] == "parked" else 0
        if line["metric"] == "sync.intake":
            counted[of["ending"]] += line["value"]
    without = {ending: count for ending, count in result.ledger.outcomes().items() if ending != "repeated"}
    assert {ending: count for ending, count in counted.items() if ending not in UNWRITTEN} == without
    assert {cause: count for cause, count in parked.items() if count} == result.ledger.parked_causes()
