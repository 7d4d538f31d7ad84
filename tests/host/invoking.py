"""Runs the real app in Microsoft's worker library, in a process of its own, over fakes behind its triggers.

In: one JSON list on standard input, one item an invocation: `function`, `bus` (whether the queues take
messages), `body` (latin-1), for HTTP `headers`, for a queue `message` with its other members. Out: a line of
JSON with the indexed `triggers` and, for each invocation, what it answered, what it sent, how long it waited.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from azure_functions_runtime.bindings.datumdef import Datum

from local.host.messages import body_datum, trigger_metadata
from local.host.worker import Function, InvocationError, Worker
from shared import wiring
from shared.diagnostics.keep_minutes import KeepMinutes
from shared.field_maps import load_field_map
from shared.intake.filter import Filter
from shared.intake.queue_change import QueueChange
from shared.model.change import AccountChange
from shared.model.faults import QueueUnavailable
from shared.model.page import PageDue, RunKind
from tests.fakes.clock import START, FakeClock
from tests.fakes.counts import FakeCounts

ROOT = Path(__file__).parents[2]


@dataclass
class Outside:
    """Everything behind the triggers: the queues, and the pipeline, which only notes what it was given."""

    bus: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    sent: list[str] = field(default_factory=list[str])
    kept: list[list[str | None]] = field(default_factory=list[list[str | None]])
    handled: list[str] = field(default_factory=list[str])

    async def send(self, change: AccountChange, due: datetime | None = None) -> None:
        self._refuse()
        self.sent.append(f"{change.source} {change.kind} {change.account_id}")

    async def keep(self, body: bytes, reason: str, description: str, correlation_id: UUID | None) -> None:
        self._refuse()
        self.kept.append([body.decode("latin-1"), reason, correlation_id and str(correlation_id)])

    async def handle(self, change: AccountChange) -> None:
        self._refuse()
        self.handled.append(str(change.account_id))

    async def do_page(self, page: PageDue) -> None:
        self._refuse()
        self.handled.append(page.message_id)

    async def report(self, key: str | None, *, probe: bool, doctor: bool) -> dict[str, object]:
        return {"status": "ok", "key": key, "probe": probe, "doctor": doctor}

    async def answer(self) -> None:
        self.handled.append("a probe")

    def _refuse(self) -> None:
        if not self.bus:
            raise QueueUnavailable("away")

    def application(self) -> Any:
        watched = Filter(load_field_map("operations").watched)
        outside: Any = self
        intake = QueueChange(outside, outside, self, watched, self.clock, timedelta(seconds=300))
        return SimpleNamespace(
            queue_change=intake,
            sync_account=self,
            answer_probe=self,
            health=self,
            keep_minutes=KeepMinutes(FakeCounts(), self.clock),
            run_cases=SimpleNamespace(handlers={RunKind.LOAD: self.do_page}),
            ports=SimpleNamespace(clock=self.clock),
            settings=SimpleNamespace(queue_wait_seconds=20),
        )


def _http(order: dict[str, Any]) -> Datum:
    def texts(values: dict[str, str]) -> dict[str, Datum]:
        return {name: Datum(value, "string") for name, value in values.items()}

    value = {
        "method": Datum(order.get("method", "POST"), "string"),
        "url": Datum("http://localhost/api", "string"),
        "headers": texts(order.get("headers", {})),
        "query": texts(order.get("query", {})),
        "params": {},
        "body": Datum(order.get("body", "").encode("latin-1"), "bytes"),
    }
    return Datum(value, "http")


def _queue(order: dict[str, Any], function: Function) -> tuple[Datum, dict[str, Datum]]:
    """Body and metadata as the host makes them of a received message."""
    unset = dict.fromkeys(
        (
            *("dead_letter_source", "content_type", "reply_to", "to", "subject", "correlation_id"),
            *("session_id", "reply_to_session_id", "partition_key", "enqueued_time_utc", "expires_at_utc"),
            *("delivery_count", "application_properties"),
        )
    )
    given = {"message_id": "m-1", "lock_token": uuid4(), "sequence_number": 1, **order.get("message", {})}
    message: Any = SimpleNamespace(**{**unset, **given}, body=[order["body"].encode("latin-1")])
    return body_datum(message, function.trigger.get("dataType")), trigger_metadata(message, function.name)


async def invoke(worker: Worker, order: dict[str, Any]) -> dict[str, Any]:
    (function,) = (found for found in worker.functions if found.name == order["function"])
    outside = Outside(bus=order.get("bus", True))
    wiring.application = outside.application
    http = function.kind == "httpTrigger"
    trigger, metadata = (_http(order), {}) if http else _queue(order, function)
    answer: dict[str, Any] = {}
    try:
        result = await worker.invoke(function, trigger, metadata, reason="a test")
    except InvocationError as error:
        answer["error"] = str(error)
    else:
        if http and result is not None:
            content: Any = result.value
            answer |= {
                "status": int(content["status_code"].value),
                "headers": {name: value.value for name, value in content["headers"].items()},
                "body": json.loads(content["body"].value),
            }
    waited = (outside.clock.now() - START).total_seconds()
    return {
        **answer,
        "sent": outside.sent,
        "kept": outside.kept,
        "handled": outside.handled,
        "waited": waited,
    }


async def main() -> None:
    worker = await Worker.load(ROOT, 60)
    triggers = {found.name: [dict(found.trigger), list(found.other_bindings)] for found in worker.functions}
    answers = [await invoke(worker, order) for order in json.loads(sys.stdin.read())]
    worker.close()
    print(json.dumps({"triggers": triggers, "answers": answers}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
