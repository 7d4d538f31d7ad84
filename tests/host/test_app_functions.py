"""The real app: indexed by Microsoft's worker library, its functions invoked with what the host sends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.child import ChildError
from shared.diagnostics.health import probe_change
from shared.model.change import encode_change
from shared.model.page import PageDue, RunKind, encode_page
from tests.host.hosting import ROOT, start_host
from tests.unit.making import ACCOUNT, OPERATION, body, change, sample_bytes, target

EXAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text())["Values"]
CORRELATION = "3c1b8f6c-52d1-4b7e-8a55-3f9f0e6a7b10"
JSON = {"content-type": "application/json; charset=utf-8", "x-ms-correlation-request-id": CORRELATION}
XML = b"<RemoteExecutionContext/>"
NO_TEXT = b"\xff\xfe@\x06binary\x80"


def webhook(content: bytes, headers: dict[str, str] | None = None, *, bus: bool = True) -> dict[str, Any]:
    headers = JSON if headers is None else headers
    return {"function": "receive_webhook", "body": content.decode("latin-1"), "headers": headers, "bus": bus}


def event(content: bytes, *, bus: bool = True, **members: str) -> dict[str, Any]:
    text = content.decode("latin-1")
    return {"function": "receive_event", "body": text, "message": members, "bus": bus}


def message(content: bytes, *, bus: bool = True, **members: str) -> dict[str, Any]:
    text = content.decode("latin-1")
    return {"function": "sync_account", "body": text, "message": members, "bus": bus}


def page(content: bytes, *, bus: bool = True) -> dict[str, Any]:
    return {"function": "load_page", "body": content.decode("latin-1"), "message": {}, "bus": bus}


PAGE = PageDue(kind=RunKind.LOAD, run="r", page=3)


ORDERS: dict[str, dict[str, Any]] = {
    "queued": webhook(sample_bytes("account-update")),
    "filtered": webhook(body(InputParameters=target(description="x"))),
    "rejected": webhook(XML),
    "not utf-8": webhook(NO_TEXT),
    "no json type": webhook(XML, {"content-type": "application/xml"}),
    "no type": webhook(body(), {}),
    "odd correlation": webhook(XML, JSON | {"x-ms-correlation-request-id": "<script>"}),
    "too large": webhook(b" " * (256 * 1024 + 1)),
    "just small enough": webhook(body().ljust(256 * 1024)),
    "away": webhook(body(), bus=False),
    "away and rejected": webhook(XML, bus=False),
    "event": event(sample_bytes("account-delete")),
    "event filtered": event(sample_bytes("contact-update")),
    "event rejected": event(NO_TEXT, correlation_id=CORRELATION),
    "event with odd ids": event(NO_TEXT, correlation_id="\x1b[2J" * 10_000, message_id="m" * 10_000),
    "event with an odd correlation": event(NO_TEXT, correlation_id="x", message_id=CORRELATION),
    "event msbin1": event(b"\x01", content_type="application/msbin1"),
    "event away": event(body(), bus=False),
    "change": message(encode_change(change())),
    "probe": message(encode_change(probe_change(change().occurred_at))),
    "no account": message(encode_change(change(account_id=UUID(int=0)))),
    "no change": message(b'{"schema": 2}'),
    "no change with odd ids": message(b"", correlation_id="\x1b[2J", message_id="m" * 10_000),
    "change away": message(encode_change(change()), bus=False),
    "page": page(encode_page(PAGE)),
    "no page": page(b'{"schema": 2}'),
    "page away": page(encode_page(PAGE), bus=False),
    "health": {"function": "health", "method": "GET"},
    "health by header": {"function": "health", "method": "GET", "headers": {"x-functions-key": "k"}},
    "health probe": {"function": "health", "method": "GET", "query": {"code": "k", "probe": "1"}},
    "health doctor": {"function": "health", "method": "GET", "query": {"code": "k", "doctor": "1"}},
    "health by query": {"function": "health", "method": "GET", "query": {"code": "k"}},
}


@pytest.fixture(scope="session")
def ran() -> dict[str, Any]:
    """What the app said of itself and answered to all `ORDERS`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.host.invoking"],
        input=json.dumps([*ORDERS.values()]),
        cwd=ROOT,
        env=os.environ | EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def answers(ran: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(zip(ORDERS, ran["answers"], strict=True))


@pytest.mark.parametrize(
    ("function", "binding"),
    [
        (
            "receive_event",
            {
                "type": "serviceBusTrigger",
                "queueName": "dataverse-events",
                "connection": "ServiceBus",
                "dataType": "BINARY",
            },
        ),
        (
            "sync_account",
            {
                "type": "serviceBusTrigger",
                "queueName": "account-changes",
                "connection": "ServiceBus",
                "isSessionsEnabled": True,
            },
        ),
        ("load_page", {"type": "serviceBusTrigger", "queueName": "load-pages", "connection": "ServiceBus"}),
        (
            "receive_webhook",
            {
                "type": "httpTrigger",
                "route": "dataverse/events",
                "methods": ["POST"],
                "authLevel": "FUNCTION",
            },
        ),
        ("nightly", {"type": "timerTrigger", "schedule": "45 * * * * *"}),
        ("heal", {"type": "timerTrigger", "schedule": "0 * * * * *"}),
        ("doctor", {"type": "timerTrigger", "schedule": "15 * * * * *"}),
        ("catch_up", {"type": "timerTrigger", "schedule": "30 * * * * *"}),
        ("health", {"type": "httpTrigger", "route": "health", "methods": ["GET"], "authLevel": "ANONYMOUS"}),
        ("console", {"route": "console/{*path}", "methods": ["GET", "POST"], "authLevel": "ANONYMOUS"}),
    ],
)
def test_each_function_is_bound_as_designed(
    ran: dict[str, Any], function: str, binding: dict[str, Any]
) -> None:
    trigger, others = ran["triggers"][function]
    assert binding.items() <= trigger.items()
    assert others == (["http"] if trigger["type"] == "httpTrigger" else [])
    assert bool(trigger.get("isSessionsEnabled")) == (function == "sync_account")


def test_there_are_no_other_ways_in(ran: dict[str, Any]) -> None:
    http = {name for name, (trigger, _) in ran["triggers"].items() if trigger["type"] == "httpTrigger"}
    queues = {name for name, (trigger, _) in ran["triggers"].items() if "serviceBus" in trigger["type"]}
    assert {"receive_webhook", "health"} <= http
    assert queues == {"receive_event", "sync_account", "load_page"}
    anonymous = {name for name in http if ran["triggers"][name][0]["authLevel"] == "ANONYMOUS"}
    assert anonymous == {"health", "console"}  # the platform signs people in, the page asks for their roles


def test_host_json_serves_every_partition_at_once_and_renews_for_long() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    service_bus = host["extensions"]["serviceBus"]
    assert service_bus["maxConcurrentSessions"] >= int(EXAMPLE["SYNC_PARTITIONS"])
    assert service_bus["maxAutoLockRenewalDuration"] == "1.00:00:00"
    assert service_bus["autoCompleteMessages"] is True
    assert (host["version"], host["telemetryMode"]) == ("2.0", "OpenTelemetry")


def test_a_webhook_is_queued_and_answered_with_its_operation(answers: dict[str, Any]) -> None:
    answer = answers["queued"]
    assert (answer["status"], answer["body"]) == (202, {"status": "queued", "operation_id": str(OPERATION)})
    assert answer["sent"] == [f"webhook update {ACCOUNT}"]


def test_a_webhook_that_needs_no_look_says_by_which_rule(answers: dict[str, Any]) -> None:
    answer = answers["filtered"]
    assert (answer["status"], answer["body"]) == (200, {"status": "filtered", "rule": "columns"})
    assert not answer["sent"]


@pytest.mark.parametrize(
    ("order", "status", "reason", "kept"),
    [
        ("rejected", 400, "xml", XML),
        ("not utf-8", 400, "not-utf-8", NO_TEXT),
        ("no json type", 415, "not-json", XML),
        ("no type", 415, "not-json", body()),
    ],
)
def test_a_webhook_that_is_not_understood_is_kept_byte_for_byte(
    answers: dict[str, Any], order: str, status: int, reason: str, kept: bytes
) -> None:
    answer = answers[order]
    assert (answer["status"], answer["body"]["reason"]) == (status, reason)
    assert answer["body"]["status"] == "rejected"
    assert answer["body"]["description"]
    correlation = CORRELATION if ORDERS[order]["headers"] == JSON else None
    assert answer["kept"] == [[kept.decode("latin-1"), reason, correlation]]


def test_a_correlation_id_that_is_none_gets_nowhere(answers: dict[str, Any]) -> None:
    assert answers["odd correlation"]["kept"] == [[XML.decode(), "xml", None]]
    for order in ("event with odd ids", "no change with odd ids"):
        ((_, _, correlation),) = answers[order]["kept"]
        assert correlation is None
    ((_, _, correlation),) = answers["event with an odd correlation"]["kept"]
    assert correlation == CORRELATION


def test_a_body_over_the_limit_is_not_even_looked_at(answers: dict[str, Any]) -> None:
    answer = answers["too large"]
    assert (answer["status"], answer["body"]) == (413, {"status": "rejected", "reason": "too-large"})
    assert not answer["kept"]
    assert answers["just small enough"]["status"] == 202


@pytest.mark.parametrize("order", ["away", "away and rejected"])
def test_a_webhook_is_asked_to_come_again_while_the_bus_is_away(answers: dict[str, Any], order: str) -> None:
    answer = answers[order]
    assert answer["status"] == 503
    assert {name.lower(): text for name, text in answer["headers"].items()}["retry-after"] == "30"
    assert answer["waited"] == 0


def test_an_event_from_the_queue_is_queued(answers: dict[str, Any]) -> None:
    assert answers["event"]["sent"] == [f"dataverse-queue delete {ACCOUNT}"]
    assert not answers["event filtered"]["sent"]
    assert "error" not in answers["event filtered"]


def test_an_event_that_is_not_understood_is_kept_byte_for_byte(answers: dict[str, Any]) -> None:
    assert answers["event rejected"]["kept"] == [[NO_TEXT.decode("latin-1"), "not-utf-8", CORRELATION]]
    assert answers["event msbin1"]["kept"] == [["\x01", "msbin1", None]]


def test_a_change_goes_to_the_pipeline(answers: dict[str, Any]) -> None:
    assert answers["change"]["handled"] == [str(ACCOUNT)]


def test_a_probe_is_answered_and_goes_no_further(answers: dict[str, Any]) -> None:
    assert answers["probe"]["handled"] == ["a probe"]
    assert answers["no account"]["handled"] == [str(UUID(int=0))]


def test_health_queues_a_probe_only_if_asked_to(answers: dict[str, Any]) -> None:
    asked = {
        order: answers[order]["body"]["probe"] for order in ("health", "health by query", "health probe")
    }
    assert asked == {"health": False, "health by query": False, "health probe": True}


def test_health_asks_for_the_doctors_check_only_if_asked_to(answers: dict[str, Any]) -> None:
    asked = {order: answers[order]["body"]["doctor"] for order in ("health by query", "health doctor")}
    assert asked == {"health by query": False, "health doctor": True}


def test_what_is_no_change_is_kept(answers: dict[str, Any]) -> None:
    assert answers["no change"]["kept"] == [['{"schema": 2}', "not-an-account-change", None]]
    assert not answers["no change"]["handled"]


def test_a_page_goes_to_the_handler_of_its_kind_and_anything_else_is_kept(answers: dict[str, Any]) -> None:
    assert answers["page"]["handled"] == [PAGE.message_id]
    assert answers["no page"]["kept"] == [['{"schema": 2}', "not-a-page", None]]
    assert not answers["no page"]["handled"]


@pytest.mark.parametrize("order", ["event away", "change away", "page away"])
def test_while_the_bus_is_away_a_message_waits_and_is_given_back(answers: dict[str, Any], order: str) -> None:
    assert answers[order]["waited"] == 20
    assert "QueueUnavailable" in answers[order]["error"]


def test_health_takes_its_key_from_the_header_or_the_query(answers: dict[str, Any]) -> None:
    keys = [answers[order]["body"]["key"] for order in ("health", "health by header", "health by query")]
    assert keys == [None, "k", "k"]
    assert answers["health"]["headers"]["Cache-Control"] == "no-store"


async def test_wrong_settings_stop_the_start_and_are_named(tmp_path: Path) -> None:
    wrong = EXAMPLE | {"CREDENTIAL": "magic", "OPERATIONS_URL": "nowhere", "LOCAL_TOKEN": ""}
    wrong.pop("ServiceBus")
    with pytest.raises(ChildError) as raised:
        await start_host(tmp_path, "unused", app=ROOT, **wrong, ServiceBus__fullyQualifiedNamespace="x")
    for name in ("CREDENTIAL", "OPERATIONS_URL", "ServiceBus"):
        assert name in str(raised.value)
