"""Service Bus triggers in the host: settlement, redelivery, sessions, lock renewal, metadata."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from local.host.config import parse_time_span
from tests.host.hosting import (
    LOCK_SECONDS,
    MAX_DELIVERIES,
    Broker,
    RunningHost,
    copy_of_sample,
    start_host,
)


async def test_success_completes_the_message(host: RunningHost, broker: Broker) -> None:
    await broker.send("plain", {"id": "success"}, message_id="success")
    (settled,) = await host.wait_for(event="settled", message_id="success")
    assert settled["settlement"] == "complete"
    assert len(host.records(message="begin", id="success")) == 1


async def test_failure_abandons_the_message_and_it_comes_again_at_once(
    host: RunningHost, broker: Broker
) -> None:
    await broker.send("plain", {"id": "once", "fail": 1}, message_id="once")
    settled = await host.wait_for(2, event="settled", message_id="once")
    assert [record["settlement"] for record in settled] == ["abandon", "complete"]
    assert [record["facts"]["delivery_count"] for record in host.records(message="begin", id="once")] == [
        1,
        2,
    ]


async def test_a_message_that_always_fails_ends_as_a_dead_letter(host: RunningHost, broker: Broker) -> None:
    await broker.send("plain", {"id": "always", "fail": 99}, message_id="always")
    await host.wait_for(MAX_DELIVERIES, event="settled", message_id="always")
    body, reason = await broker.dead_letter("plain")
    assert body["id"] == "always"
    assert reason == "MaxDeliveryCountExceeded"
    assert len(host.records(message="begin", id="always")) == MAX_DELIVERIES


async def test_the_function_sees_what_the_real_host_sends_and_no_more(
    host: RunningHost, broker: Broker
) -> None:
    await broker.send(
        "ordered",
        {"id": "facts"},
        session_id="facts",
        message_id="m1",
        subject="the subject",
        correlation_id="c1",
        content_type="application/json",
        application_properties={"number": 1, "text": "x"},
    )
    facts = (await host.wait_for(message="begin", id="facts"))[0]["facts"]
    assert {
        name: facts[name] for name in ("message_id", "session_id", "subject", "label", "correlation_id")
    } == {
        "message_id": "m1",
        "session_id": "facts",
        "subject": "the subject",
        "label": "the subject",
        "correlation_id": "c1",
    }
    assert facts["content_type"] == "application/json"
    assert facts["application_properties"] == facts["user_properties"] == {"number": 1, "text": "x"}
    assert facts["delivery_count"] == 1
    assert facts["sequence_number"] > 0
    assert "+" not in facts["enqueued_time_utc"]  # naive, as from the real host
    assert facts["lock_token"]
    never = (
        "locked_until",
        "state",
        "time_to_live",
        "enqueued_sequence_number",
        "scheduled_enqueue_time_utc",
    )
    assert [facts[name] for name in never] == [None] * len(never)


async def test_a_session_keeps_its_order_and_runs_one_at_a_time(host: RunningHost, broker: Broker) -> None:
    for session in "abcde":  # more than the host holds at once
        orders = [{"id": "s", "of": session, "n": n, "fail": int(n == 1), "seconds": 0.05} for n in range(4)]
        await broker.send("ordered", *orders, session_id=session)
    await host.wait_for(20, message="end", id="s")
    steps = defaultdict[str, list[Any]](list)
    for record in host.records(id="s"):
        steps[record["order"]["of"]].append((record["message"], record["order"]["n"]))
    one_try = [(text, n) for n in range(4) for text in ("begin", "end")]
    expected = [*one_try[:2], ("begin", 1), *one_try[2:]]
    assert steps == dict.fromkeys("abcde", expected)


async def test_sessions_run_side_by_side(host: RunningHost, broker: Broker) -> None:
    for session in ("left", "right"):
        await broker.send("ordered", {"id": "side", "seconds": 3}, session_id=session)
    first_end = (await host.wait_for(message="end", id="side"))[0]
    begins = host.records(message="begin", id="side")
    assert len(begins) == 2
    assert max(record["time"] for record in begins) < first_end["time"]


async def test_an_idle_session_is_given_back(host: RunningHost, broker: Broker) -> None:
    await broker.send("ordered", {"id": "idle"}, session_id="idle")
    (closed,) = await host.wait_for(event="session_closed", session_id="idle")
    assert closed["reason"] == "idle"


async def test_a_lock_is_renewed_for_as_long_as_the_function_runs(host: RunningHost, broker: Broker) -> None:
    await broker.send("plain", {"id": "long", "seconds": 3 * LOCK_SECONDS}, message_id="long")
    await broker.send(
        "ordered", {"id": "long s", "seconds": 3 * LOCK_SECONDS}, session_id="l", message_id="long s"
    )
    for name in ("long", "long s"):
        (settled,) = await host.wait_for(event="settled", message_id=name)
        assert settled["settlement"] == "complete"
        assert len(host.records(message="begin", id=name)) == 1


async def test_renewal_of_a_session_counts_from_its_acceptance(quiet_broker: Broker, tmp_path: Path) -> None:
    def shorten(config: dict[str, Any]) -> None:
        config["extensions"]["serviceBus"]["maxAutoLockRenewalDuration"] = "00:00:03"

    app = copy_of_sample(tmp_path, shorten)
    orders = [{"id": n, "seconds": 2} for n in range(4)]  # each alone would be short enough
    await quiet_broker.send("ordered", *orders, session_id="busy")
    host = await start_host(tmp_path, quiet_broker.connection_string, app=app)
    try:
        await host.wait_for(event="session_lost", session_id="busy")
        await host.wait_for(message="end", id=3)
    finally:
        await host.stop()
    tries = [len(host.records(message="begin", id=n)) for n in range(4)]
    assert tries[0] == 1
    assert max(tries) == 2


async def test_lost_connections_are_made_again(host: RunningHost, broker: Broker) -> None:
    await broker.control("/disconnect", {"clients": "all"})
    await broker.send("plain", {"id": "after"})
    await broker.send("ordered", {"id": "after s"}, session_id="after")
    await host.wait_for(message="end", id="after")
    await host.wait_for(message="end", id="after s")


async def test_a_function_timeout_fails_the_invocation(quiet_broker: Broker, tmp_path: Path) -> None:
    def shorten(config: dict[str, Any]) -> None:
        config["functionTimeout"] = "00:00:01"

    host = await start_host(tmp_path, quiet_broker.connection_string, app=copy_of_sample(tmp_path, shorten))
    try:
        assert (await host.client.get("/api/slow?seconds=20")).status_code == 500
        (failed,) = host.records(event="invocation_failed")
    finally:
        await host.stop()
    assert "functionTimeout" in failed["error"]


def test_a_duration_may_have_days() -> None:
    assert parse_time_span("1.02:03:04").total_seconds() == 93784
