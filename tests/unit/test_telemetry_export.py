"""Where spans and metrics go: the exporters of each setting, and what a failing one may cost."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXPORTERS = (
    "from opentelemetry.sdk.trace import TracerProvider",
    "from opentelemetry.sdk.metrics import MeterProvider",
    "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter",
    "from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter",
    "from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter",
)


def test_the_pinned_exporters_can_be_imported_together() -> None:
    """Their versions are one set: an exporter of another release fails at its import, not when installed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(EXPORTERS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
