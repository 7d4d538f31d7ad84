# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# The exporter's own translation is private, and only partly typed.
"""What of the app's spans and metrics arrives in Azure, and whether queries name it as it arrives.

A check runs through the app's own code; Microsoft's exporter translates its spans into rows of the workspace.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import httpx
from azure.monitor.opentelemetry.exporter.export.trace._exporter import _convert_span_to_envelope
from opentelemetry.trace import SpanKind

from shared.model.change import Source
from shared.model.faults import System
from shared.telemetry import SPAN
from shared.telemetry.metrics import METRICS
from shared.web.request_span import request_span
from tests.fakes.telemetry import exported
from tests.flow.world import ORGANIZATION, World

TABLES = {"RequestData": "AppRequests", "RemoteDependencyData": "AppDependencies"}

type Names = Mapping[str, Mapping[str, frozenset[str]]]
"""Table -> name of the row -> names of its properties."""


@cache
def exported_names() -> Names:
    """The rows that the app makes."""
    found: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    with exported() as out:
        asyncio.run(_work())
        spans = out.spans()
    for span in spans:
        data: Any = _convert_span_to_envelope(span).data
        rows, name = found[TABLES[data.base_type]], str(data.base_data.name)
        rows[name] = rows.get(name, frozenset()) | frozenset(data.base_data.properties)
    found["AppMetrics"] = {metric.name: frozenset(metric.dimensions) for metric in METRICS}
    return found


async def _work() -> None:
    """Take an event and check its account; answer one request of each system."""
    world = World()
    app = world.application()
    await app.queue_change.receive(_event(world), "application/json", Source.WEBHOOK)
    with SPAN("sync_account", kind=SpanKind.CONSUMER):
        await world.drain()
    for system in (System.DATAVERSE, System.OPERATIONS):
        with request_span(system, "GET", "/data/CustomersV3(dataAreaId='usmf')?$top=1", 0) as answered:
            answered(httpx.Response(429))


def _event(world: World) -> bytes:
    change = world.save("A1")
    made = int(change.occurred_at.timestamp() * 1000)
    return (
        f'{{"OrganizationId": "{ORGANIZATION}", "PrimaryEntityName": "account", "MessageName": "Create", '
        f'"PrimaryEntityId": "{change.account_id}", "OperationId": "{change.operation_id}", "Mode": 1, '
        f'"CorrelationId": "{change.operation_id}", "OperationCreatedOn": "/Date({made})/"}}'
    ).encode()


def unknown_names(query: str, known: Names) -> Iterator[str]:
    """What the query names and the app does not export."""
    parts = re.findall(r"(App[A-Z]\w+)\s*\n(.*?)(?=App[A-Z]\w+\s*\n|\Z)", query, re.DOTALL)
    own = [(table, text) for table, text in parts if table in known]
    properties: set[str] = set()
    for table, text in own:
        names = set(re.findall(r'\bName == "([^"]+)"', text))
        for some in re.findall(r"\bName in \(([^)]*)\)", text):
            names |= set(re.findall(r'"([^"]+)"', some))
        yield from (f"{table} has no {name}" for name in sorted(names - known[table].keys()))
        for name in (names or known[table].keys()) & known[table].keys():
            properties |= known[table][name]
        if table == "AppMetrics" and not names:
            yield "a query over AppMetrics says of which metric"
    if own:
        asked = set(re.findall(r"\bProperties\.(\w+)", query))
        yield from (f"no row of {own[0][0]} has {name}" for name in sorted(asked - properties))
