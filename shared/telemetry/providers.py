# pyright: reportUnknownMemberType=false
# The SDK is only partly typed.
"""Sends spans and metrics out of the process, as the setting TELEMETRY says. The SDK comes with this module.

An exporter is loaded when there is first something to send. One that fails is logged once an hour until it
works again. It touches no event: spans wait in a queue of fixed size, and what does not fit is dropped. The
sampler is set here, because the bare SDK knows none of Azure Monitor's; so counting spans is counting events.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from opentelemetry import trace
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import Aggregation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from shared.telemetry import LOGGER
from shared.telemetry.metrics import export_to
from shared.telemetry_settings import Exporter

if TYPE_CHECKING:
    from shared.telemetry.json_lines import JsonLines
    from shared.telemetry_settings import TelemetrySettings

_MOST_SPANS, _SPANS_AT_ONCE = 2048, 512
_REQUEST_SECONDS = 10  # longest that one export may take
_TELL_AGAIN_SECONDS = 3600.0  # the alert looks back for some hours


class Providers:
    """Those of this process. `begin` starts them, `end` sends what waits and stops them."""

    def __init__(self, settings: "TelemetrySettings", version: str) -> None:
        self._settings = settings
        self._local = settings.telemetry is Exporter.FILE
        self._resource = resource = Resource(
            {"service.name": "account-sync", "service.version": version, "service.instance.id": str(uuid4())}
        )
        self._traces = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(
            BatchSpanProcessor(
                LateSpans(self._span_exporter),
                max_queue_size=_MOST_SPANS,
                max_export_batch_size=_SPANS_AT_ONCE,
                schedule_delay_millis=200 if self._local else 5_000,
            )
        )
        metrics = LateMetrics(self._metric_exporter, self._temporality)
        reader = PeriodicExportingMetricReader(
            metrics, export_interval_millis=1_000 if self._local else 60_000
        )
        self._metrics = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._ending = threading.Lock()

    def begin(self) -> None:
        """From now on, spans and metrics are taken."""
        trace.set_tracer_provider(self._traces)
        export_to(self._metrics.get_meter("account_sync"))
        if self._local:
            self._file.write([{"resource": dict(self._resource.attributes)}])

    def end(self, seconds: float) -> None:
        """Send what waits, within this time."""
        if not self._ending.acquire(blocking=False):
            return
        threads = [
            threading.Thread(target=provider.shutdown, daemon=True)
            for provider in (self._traces, self._metrics)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds / len(threads))

    @property
    def _temporality(self) -> "dict[type, AggregationTemporality]":
        """Azure Monitor and the file take what came since the last time, collectors take totals."""
        if self._settings.telemetry is Exporter.OTLP:
            return {}
        return dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)

    def _span_exporter(self) -> SpanExporter:
        match self._settings.telemetry:
            case Exporter.AZURE_MONITOR:
                from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

                return AzureMonitorTraceExporter(**_AZURE)
            case Exporter.OTLP:
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

                return OTLPSpanExporter(self._collector("traces"), timeout=_REQUEST_SECONDS)
            case _:
                from shared.telemetry.json_lines import FileSpans

                return FileSpans(self._file)

    def _metric_exporter(self) -> MetricExporter:
        match self._settings.telemetry:
            case Exporter.AZURE_MONITOR:
                from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter

                return AzureMonitorMetricExporter(**_AZURE)
            case Exporter.OTLP:
                from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

                return OTLPMetricExporter(self._collector("metrics"), timeout=_REQUEST_SECONDS)
            case _:
                from shared.telemetry.json_lines import FileMetrics

                return FileMetrics(self._file, self._temporality)

    @cached_property
    def _file(self) -> "JsonLines":
        from shared.telemetry.json_lines import JsonLines

        return JsonLines(self._settings.telemetry_file or "")

    def _collector(self, signal_name: str) -> str:
        return f"{self._settings.otel_exporter_otlp_endpoint}/v1/{signal_name}"


# What could not be sent is dropped, not stored on the instance's disk.
_AZURE: dict[str, Any] = {
    "disable_offline_storage": True,
    "retry_total": 1,
    "timeout": _REQUEST_SECONDS,
    "read_timeout": _REQUEST_SECONDS,
}


class _Late[E: (SpanExporter, MetricExporter)]:
    """Makes an exporter when it is first needed, and keeps its failures away from everybody else."""

    def __init__(self, make: Callable[[], E]) -> None:
        self._make = make
        self._exporter: E | None = None
        self._told_at: float | None = None  # when the failure was logged; None while all is well

    def __call__[R](self, export: Callable[[E], R], good: R, bad: R) -> R:
        trouble = "it was refused"
        try:
            self._exporter = self._exporter or self._make()
            result = export(self._exporter)
        except Exception as error:  # noqa: BLE001 - an exporter may raise anything
            result, trouble = bad, type(error).__name__
        self._tell("" if result == good else trouble)
        return result

    def _tell(self, trouble: str) -> None:
        now, told_at = monotonic(), self._told_at
        if trouble and (told_at is None or now - told_at >= _TELL_AGAIN_SECONDS):
            LOGGER.warning("telemetry is not exported: %s; events go on as usual", trouble)
            self._told_at = now
        if not trouble and told_at is not None:
            LOGGER.info("telemetry is exported again")
            self._told_at = None

    def shutdown(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()


class LateSpans(SpanExporter):
    """A span exporter that is made when there are spans."""

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._late = _Late(make)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._late(lambda to: to.export(spans), SpanExportResult.SUCCESS, SpanExportResult.FAILURE)

    def shutdown(self) -> None:
        self._late.shutdown()


class LateMetrics(MetricExporter):
    """A metric exporter that is made when there are metrics."""

    def __init__(
        self, make: Callable[[], MetricExporter], temporality: "dict[type, AggregationTemporality]"
    ) -> None:
        super().__init__(temporality, dict[type, Aggregation]())
        self._late = _Late(make)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        good, bad = MetricExportResult.SUCCESS, MetricExportResult.FAILURE
        return self._late(lambda to: to.export(metrics_data, timeout_millis), good, bad)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._late.shutdown()
