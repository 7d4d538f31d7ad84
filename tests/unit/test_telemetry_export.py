"""Where spans and metrics go: the exporters of each setting, and what a failing one may cost."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from shared.environment import SettingsError, load_settings
from shared.telemetry import providers
from shared.telemetry.providers import LateSpans
from shared.telemetry_settings import Exporter, TelemetrySettings

ROOT = Path(__file__).parents[2]
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
EXPORTERS = (
    "from opentelemetry.sdk.trace import TracerProvider",
    "from opentelemetry.sdk.metrics import MeterProvider",
    "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter",
    "from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter",
    "from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter",
)
# The app's own way in, without its half second: settings, providers, one span, one count, the end.
PROGRAM = """
import json, logging, os, sys, threading, time
logging.basicConfig(stream=sys.stderr, format="LOG %(name)s %(message)s")
from opentelemetry.trace import SpanKind
from shared.functions.prepare import at_sigterm
from shared.telemetry import SPAN
from shared.telemetry.export import begin, end
from shared.telemetry.metrics import OUTCOME
from shared.telemetry_settings import TelemetrySettings

OUTCOME.note(ending="created", source="webhook", cause="")
at_sigterm([end])
begin(TelemetrySettings.model_validate(json.loads(sys.argv[1])), "build 7")
with SPAN("sync_account", kind=SpanKind.CONSUMER, attributes={"attempt": 1}):
    OUTCOME.note(ending="created", source="webhook", cause="")
"""


def run(
    settings: Mapping[str, str], then: str = "", **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + then, json.dumps(settings)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def lines_in(folder: Path) -> list[dict[str, Any]]:
    (file,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


class Collector(BaseHTTPRequestHandler):
    """Takes what an exporter posts."""

    posted: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append((self.path, body))
        answer = b'{"itemsReceived": 1, "itemsAccepted": 1, "errors": []}'  # what Azure Monitor says
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.posted.clear()
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


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


def test_what_was_counted_before_the_sdk_was_loaded_is_exported_too(tmp_path: Path) -> None:
    done = run(
        {"telemetry": "file", "telemetry_file": str(tmp_path / "new")},
        OTEL_TRACES_SAMPLER="always_off",  # the app samples nothing away, whatever the environment says
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = lines_in(tmp_path / "new")
    (resource,) = [line["resource"] for line in lines if "resource" in line]
    assert (resource["service.name"], resource["service.version"]) == ("account-sync", "build 7")
    (span,) = [line for line in lines if "span" in line]
    assert (span["span"], span["attributes"], span["parent_id"]) == ("sync_account", {"attempt": 1}, "")
    (metric,) = [line for line in lines if "metric" in line]
    assert (metric["metric"], metric["value"]) == ("sync.outcome", 2)


def test_a_collector_gets_spans_and_metrics_over_http(collector: str) -> None:
    done = run({"telemetry": "otlp", "otel_exporter_otlp_endpoint": collector})
    assert done.stderr == ""
    assert {path for path, _ in Collector.posted} == {"/v1/traces", "/v1/metrics"}
    assert any(b"sync_account" in body for _, body in Collector.posted)
    assert any(b"sync.outcome" in body for _, body in Collector.posted)


def test_azure_monitor_gets_spans_and_metrics(collector: str) -> None:
    key = "InstrumentationKey=00000000-0000-0000-0000-000000000000"
    done = run(
        {"telemetry": "azure-monitor"},
        "end()",  # the exporter cannot be loaded any more when the interpreter ends
        APPLICATIONINSIGHTS_CONNECTION_STRING=f"{key};IngestionEndpoint={collector}",
        APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
        APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED="true",
        APPLICATIONINSIGHTS_SDKSTATS_DISABLED="true",
    )
    assert done.stderr == ""
    sent = [item for _, body in Collector.posted for item in json.loads(body)]
    data = [item["data"]["baseData"] for item in sent]
    (request,) = [each for each in data if each.get("name") == "sync_account"]
    assert request["properties"] == {"attempt": "1"}
    assert "RequestData" in {item["data"]["baseType"] for item in sent}  # the table AppRequests
    values = {each["name"]: each["value"] for one in data for each in one.get("metrics", ())}
    assert values["sync.outcome"] == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"telemetry": "otlp", "otel_exporter_otlp_endpoint": "http://127.0.0.1:1"},
        {"telemetry": "azure-monitor"},  # without a connection string
    ],
)
def test_an_exporter_that_fails_lets_the_process_end_soon(settings: Mapping[str, str]) -> None:
    began = time.monotonic()
    done = run(settings, "end()")
    assert done.returncode == 0
    assert {line.partition(":")[0] for line in done.stderr.splitlines()} <= {
        "LOG account_sync telemetry is not exported"
    }
    assert time.monotonic() - began < 30


def test_an_exporter_that_fails_is_logged_once_an_hour_until_it_works_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    answers = [bad, OSError("a value of the account"), bad, OSError("a value"), good, bad, bad]
    minutes = iter([0, 10, 59, 60, 70, 80, 90])
    monkeypatch.setattr(providers, "monotonic", lambda: 60.0 * next(minutes))

    class Unreliable(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            answer = answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return answer

    caplog.set_level(logging.INFO, "account_sync")
    late = LateSpans(Unreliable)
    assert [late.export([]) for _ in range(7)] == [bad, bad, bad, bad, good, bad, bad]
    assert [record.getMessage() for record in caplog.records] == [
        "telemetry is not exported: it was refused; events go on as usual",
        "telemetry is not exported: OSError; events go on as usual",
        "telemetry is exported again",
        "telemetry is not exported: it was refused; events go on as usual",
    ]


def test_an_exporter_that_hangs_costs_little_memory_and_no_time(tmp_path: Path) -> None:
    """The queue is full, spans are dropped, and the end of the process waits for its five seconds only."""
    done = run(
        {"telemetry": "file", "telemetry_file": str(tmp_path)},
        """
from shared.telemetry import export
providers = export._running[0]
processor = providers._traces._active_span_processor._span_processors[0]._batch_processor
processor._exporter.export = lambda spans: time.sleep(3600)
began = time.monotonic()
for _ in range(20_000):
    with SPAN("sync_account"):
        pass
took = time.monotonic() - began
began = time.monotonic()
end()
print(json.dumps([len(processor._queue), took, time.monotonic() - began]), flush=True)
os._exit(0)
""",
    )
    assert done.returncode == 0, done.stderr
    waiting, took, ending = json.loads(done.stdout)
    assert waiting <= 2048
    assert took < 20
    assert ending < 6


def test_without_an_exporter_no_sdk_is_loaded() -> None:
    done = run({}, "print('opentelemetry.sdk' in sys.modules)")
    assert done.stdout == "False\n", done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGTERM to be handled")
def test_sigterm_sends_what_waits_and_then_ends_the_process(tmp_path: Path) -> None:
    settings = {"telemetry": "file", "telemetry_file": str(tmp_path)}
    done = run(settings, "import signal\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(30)")
    assert done.returncode == -signal.SIGTERM
    assert any(line.get("span") == "sync_account" for line in lines_in(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGTERM to be handled")
def test_sigterm_still_does_what_the_host_wants_of_it(tmp_path: Path) -> None:
    own = (
        "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('the host ends'))\nat_sigterm([end])\n"
    )
    done = run(
        {"telemetry": "file", "telemetry_file": str(tmp_path)}, own + "os.kill(os.getpid(), signal.SIGTERM)"
    )
    assert (done.returncode, done.stdout) == (0, "the host ends\n")
    assert any(line.get("span") == "sync_account" for line in lines_in(tmp_path))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"TELEMETRY": "file"}, "TELEMETRY_FILE: is missing; TELEMETRY=file needs it"),
        ({"TELEMETRY": "otlp"}, "OTEL_EXPORTER_OTLP_ENDPOINT: is missing; TELEMETRY=otlp needs it"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
            "OTEL_EXPORTER_OTLP_ENDPOINT: must be an address",
        ),
        ({"TELEMETRY": "jaeger"}, "TELEMETRY: "),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        load_settings(EXAMPLE | changes)


def test_nothing_is_exported_by_default() -> None:
    assert load_settings(EXAMPLE)[0].telemetry is Exporter.NONE
    assert TelemetrySettings.model_validate({}).telemetry is Exporter.NONE
    address = TelemetrySettings.model_validate(
        {"telemetry": "otlp", "otel_exporter_otlp_endpoint": "https://collector.contoso.com:4318/"}
    )
    assert address.otel_exporter_otlp_endpoint == "https://collector.contoso.com:4318"
