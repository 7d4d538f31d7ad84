"""Writes spans and metrics as JSON lines, one file a process: for the local stand and for tests.

Loaded only where TELEMETRY=file, because the SDK comes with it.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import Aggregation
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import format_span_id, format_trace_id


class JsonLines:
    """The file of this process in a folder, which is made if it is not there."""

    def __init__(self, folder: str) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._file = Path(folder) / f"{os.getpid()}.jsonl"
        self._writing = Lock()

    def write(self, lines: Iterable[dict[str, Any]]) -> None:
        """Add lines."""
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        with self._writing, self._file.open("a", encoding="utf-8") as file:
            file.write(text)


class FileSpans(SpanExporter):
    """Writes one line for each span."""

    def __init__(self, file: JsonLines) -> None:
        self._file = file

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._file.write(_span(span) for span in spans)
        return SpanExportResult.SUCCESS


class FileMetrics(MetricExporter):
    """Writes one line for each metric and set of dimensions; sums are what came since the line before."""

    def __init__(self, file: JsonLines, temporality: dict[type, Any]) -> None:
        super().__init__(temporality, dict[type, Aggregation]())
        self._file = file

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        self._file.write(_points(metrics_data))
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Close nothing: the file is open only while lines are written."""


def _span(span: ReadableSpan) -> dict[str, Any]:
    context, started = span.get_span_context(), span.start_time or 0
    return {
        "span": span.name,
        "kind": span.kind.name.lower(),
        "trace_id": format_trace_id(context.trace_id) if context else "",
        "span_id": format_span_id(context.span_id) if context else "",
        "parent_id": format_span_id(span.parent.span_id) if span.parent else "",
        "links": [
            {
                "trace_id": format_trace_id(link.context.trace_id),
                "span_id": format_span_id(link.context.span_id),
            }
            for link in span.links
        ],
        "start": started / 1e9,
        "seconds": ((span.end_time or started) - started) / 1e9,
        "status": span.status.status_code.name.lower(),
        "description": span.status.description or "",
        "attributes": dict(span.attributes or {}),
        "events": [event.name for event in span.events],
    }


def _points(data: MetricsData) -> Iterator[dict[str, Any]]:
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    line: dict[str, Any] = {"metric": metric.name, "dimensions": dict(point.attributes or {})}
                    if isinstance(point, HistogramDataPoint):
                        counts = list(point.bucket_counts)
                        yield {**line, "count": point.count, "sum": point.sum, "buckets": counts}
                    else:
                        yield {**line, "value": getattr(point, "value", None)}
