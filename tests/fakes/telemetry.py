"""What the app would export, kept in memory for the length of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from shared.telemetry import metrics, spans


@dataclass
class Exported:
    """Spans that ended and metrics as they stand."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Those of this name in the order of their end; all without one."""
        return [span for span in self.exporter.get_finished_spans() if name in {"", span.name}]

    def points(self, name: str = "") -> dict[tuple[str, ...], Any]:
        """Dimensions' values, with the metric's name before them if none was given -> data point."""
        data = self.reader.get_metrics_data()
        found = [
            metric
            for each in (data.resource_metrics if data else ())
            for scope in each.scope_metrics
            for metric in scope.metrics
            if name in {"", metric.name}
        ]
        return {
            (*(() if name else (metric.name,)), *map(str, (point.attributes or {}).values())): point
            for metric in found
            for point in metric.data.data_points
        }

    def told(self) -> str:
        """Everything in them, as one text."""
        parts = [f"{span.to_json()} {[link.attributes for link in span.links]}" for span in self.spans()]
        data = self.reader.get_metrics_data()
        return "\n".join([*parts, data.to_json() if data else ""])


@contextmanager
def exported() -> Iterator[Exported]:
    """Take all spans and metrics until the end of the block."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traces = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    tracer = traces.get_tracer("account_sync")
    with patch.object(spans.TRACER, "_real_tracer", tracer), patch.dict(metrics._NOTES):  # pyright: ignore[reportPrivateUsage]
        metrics._WAITING.clear()  # pyright: ignore[reportPrivateUsage]
        metrics.export_to(meters.get_meter("account_sync"))
        yield Exported(exporter, reader)
