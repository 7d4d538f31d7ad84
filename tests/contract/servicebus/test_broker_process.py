"""The broker as a process: ready line, ends, control endpoint, management API, and a small soak."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.servicebus.management import ServiceBusAdministrationClient

from bench.servicebus import broker as bench_broker
from bench.servicebus import run_soak
from tests.contract.servicebus.broker_process import PLAIN, SESSIONS, Broker, config_text, running_broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    config = tmp_path_factory.mktemp("process") / "Config.json"
    config.write_text(config_text(["a"]))
    with running_broker(config) as running:
        yield Broker(running.connection_string, running.control, running.process, "a")


def start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "local.servicebus", "--port", "0", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def ready_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_cleanly_when_told(number: signal.Signals) -> None:
    with start() as process:
        ready = ready_line(process)
        assert ready["ready"] is True
        assert f"127.0.0.1:{ready['port']};" in ready["connection_string"]
        with socket.create_connection(("127.0.0.1", ready["port"])):
            assert set(httpx.get(f"{ready['control']}/queues", trust_env=False).json()) == {
                "dataverse-events",
                "account-changes",
                "rejected-events",
                "load-pages",
            }
            process.send_signal(number)
            rest, _ = process.communicate(timeout=10)
        assert (process.returncode, rest) == (0, "")


def test_it_ends_with_its_parent_if_asked() -> None:
    with start("--exit-with-parent") as process:
        ready_line(process)
        process.communicate(timeout=10)  # closes its standard input
        assert process.returncode == 0


def test_a_wrong_config_is_told_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "Config.json"
    config.write_text(config_text(["a"]).replace("MaxDeliveryCount", "MaxCount"))
    with start("--config", str(config)) as process:
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output) == (1, "")
    assert "MaxCount" in errors
    assert "Traceback" not in errors


def test_a_taken_port_is_told_in_one_line(broker: Broker) -> None:
    port = broker.connection_string.partition("127.0.0.1:")[2].partition(";")[0]
    with start("--port", port) as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "cannot start" in errors
    assert "Traceback" not in errors


def test_it_listens_on_this_machine_only(broker: Broker) -> None:
    port = int(broker.connection_string.partition("127.0.0.1:")[2].partition(";")[0])
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("needs /proc")
    listening = [line.split()[1] for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/queues/nowhere", None, 404),
        ("POST", "/expire-locks", {"queue": "nowhere"}, 404),
        ("POST", "/expire-locks", {}, 400),
        ("POST", "/expire-locks", "no JSON object", 400),
        ("POST", "/disconnect", {"clients": "some"}, 400),
        ("POST", "/disconnect", {"clients": 0}, 400),
        ("POST", "/queues", {}, 405),
    ],
)
def test_wrong_requests_to_the_control_endpoint_are_refused(
    broker: Broker, method: str, path: str, body: object, status: int
) -> None:
    assert broker.control.request(method, path, json=body).status_code == status


def test_the_counts_of_an_idle_queue(broker: Broker) -> None:
    assert broker.control.get("/queues").json()[broker.name_of(PLAIN)] == broker.counts(PLAIN)
    counts = broker.counts(PLAIN)
    assert counts.pop("oldest_enqueued_at") is None
    assert set(counts) == {
        "active",
        "scheduled",
        "deferred",
        "locked",
        "dead_letter",
        "accepted",
        "duplicates_dropped",
        "delivered",
        "completed",
        "dead_lettered",
        "expired",
        "sessions_locked",
    }
    assert set(counts.values()) == {0}


class PlainHttp(RequestsTransport):
    """Speaks http where the administration client says https."""

    def send(self, request: Any, **options: Any) -> Any:
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def test_the_administration_client_reads_settings_and_counts_over_plain_http(broker: Broker) -> None:
    host = str(broker.control.base_url).removeprefix("http://").rstrip("/")
    connection_string = f"Endpoint=sb://{host};SharedAccessKeyName=any;SharedAccessKey=any"
    transport = PlainHttp()
    with ServiceBusAdministrationClient.from_connection_string(
        connection_string, transport=transport
    ) as client:
        queue = client.get_queue(broker.name_of(SESSIONS))
        counts = client.get_queue_runtime_properties(broker.name_of(PLAIN))
        names = [properties.name for properties in client.list_queues()]
        listed = [each.total_message_count for each in client.list_queues_runtime_properties()]
    assert (queue.requires_session, queue.max_delivery_count) == (True, 3)
    assert queue.lock_duration == timedelta(minutes=1)
    assert (
        counts.active_message_count,
        counts.dead_letter_message_count,
        counts.scheduled_message_count,
    ) == (0, 0, 0)
    assert broker.name_of(PLAIN) in names
    assert set(listed) == {0}


def test_thousands_of_messages_come_once_each_and_leave_no_memory_behind() -> None:
    with bench_broker() as (connection_string, pid):
        result = run_soak(connection_string, pid, 2000)
    assert (result["lost"], result["doubled"]) == (0, 0)
    assert result["memory_after_second_mb"] < result["memory_after_first_mb"] + 2  # the bodies would be more
