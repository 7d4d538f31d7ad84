"""Start, refusal, drain and kill of a host; timers, which follow the life of the host that holds them."""

import asyncio
import signal
from pathlib import Path

import pytest

from local.child import ChildError
from tests.host.hosting import MASTER_KEY, Broker, copy_of_sample, start_host

NO_BROKER = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;"

APP = "import azure.functions as func\napp = func.FunctionApp()\n"
HTTP = APP + '@app.route(route="x")\ndef x({}) -> func.HttpResponse: ...'
TIMER = APP + '@app.timer_trigger(arg_name="t", schedule="{}")\ndef x(t: func.TimerRequest) -> None: ...'
QUEUE = APP + '@app.queue_trigger("m", "q", "c")\ndef x(m: func.QueueMessage) -> None: ...'
BUS = APP + '@app.service_bus_queue_trigger("m", "{}", "{}")\ndef x(m: func.ServiceBusMessage) -> None: ...'


async def test_all_functions_are_indexed_and_named_when_the_host_is_ready(tmp_path: Path) -> None:
    host = await start_host(tmp_path, NO_BROKER)
    names = host.child.ready["function_names"]
    await host.stop()
    assert names == ["echo", "guarded", "master", "broken", "slow", "plain", "ordered", "tick"]
    assert host.child.process.returncode == 0


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (HTTP.format("request: func.HttpRequest"), "request"),
        (HTTP.format("req: int"), "req"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("x = 1", "Could not find top level function app instances"),
        (TIMER.format("0 99 * * * *"), "'99' is not a value of the field minute"),
        (QUEUE, "the local host has no queueTrigger"),
        (BUS.format("q", "%NO%"), "the setting NO that '%NO%' names is not set"),
        (BUS.format("Other", "q"), "the Service Bus connection 'Other' is not set"),
    ],
)
async def test_an_app_that_the_real_host_would_not_run_is_refused(
    tmp_path: Path, code: str, reason: str
) -> None:
    with pytest.raises(ChildError) as refused:
        await start_host(tmp_path, NO_BROKER, app=copy_of_sample(tmp_path, code=code))
    assert reason in str(refused.value)


async def test_a_route_with_a_leading_slash_is_refused(tmp_path: Path) -> None:
    """The real host puts a second slash before it, and answers 404."""
    code = HTTP.format("req: func.HttpRequest").replace('"x"', '"/x"')
    with pytest.raises(ChildError, match="must not begin with a slash"):
        await start_host(tmp_path, NO_BROKER, app=copy_of_sample(tmp_path, code=code))


async def test_another_version_of_host_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"host\.json"):
        await start_host(
            tmp_path, NO_BROKER, app=copy_of_sample(tmp_path, lambda config: config.update(version="1.0"))
        )


async def test_sigterm_lets_running_functions_finish_and_takes_nothing_new(
    quiet_broker: Broker, tmp_path: Path
) -> None:
    host = await start_host(tmp_path, quiet_broker.connection_string)
    slow = asyncio.ensure_future(host.client.get("/api/slow?seconds=1"))
    await host.wait_for(message="slow began")
    await quiet_broker.send(
        "ordered", {"id": "first", "seconds": 2}, {"id": "second"}, session_id="drain", message_id="x"
    )
    await host.wait_for(message="begin", id="first")
    host.child.process.send_signal(signal.SIGTERM)
    assert (await slow).text == "done"
    assert await host.child.process.wait() == 0
    await host.client.aclose()
    assert host.records(message="end", id="first")
    assert [record["settlement"] for record in host.records(event="settled")] == ["complete"]
    assert not host.records(message="begin", id="second")


@pytest.mark.parametrize(("queue", "session_id", "delivery"), [("plain", None, 2), ("ordered", "killed", 1)])
async def test_a_message_of_a_killed_host_comes_again(
    quiet_broker: Broker, tmp_path: Path, queue: str, session_id: str | None, delivery: int
) -> None:
    """The lock of a message runs out, which counts as a delivery; a session closes with its connection."""
    first = await start_host(tmp_path, quiet_broker.connection_string)
    await quiet_broker.send(queue, {"id": "killed", "seconds": 3}, session_id=session_id)
    await first.wait_for(message="begin", id="killed")
    await first.child.wait_killed()
    second = await start_host(tmp_path, quiet_broker.connection_string)
    (again,) = await second.wait_for(message="begin", id="killed")
    await second.wait_for(message="end", id="killed")
    await second.stop()
    await first.client.aclose()
    assert again["facts"]["delivery_count"] == delivery


async def test_the_host_ends_when_its_parent_does(tmp_path: Path) -> None:
    host = await start_host(tmp_path, NO_BROKER)
    assert host.child.process.stdin is not None
    host.child.process.stdin.close()
    assert await asyncio.wait_for(host.child.process.wait(), 20) == 0
    await host.client.aclose()


async def test_a_timer_runs_at_the_start_on_schedule_and_by_hand(tmp_path: Path) -> None:
    host = await start_host(tmp_path, NO_BROKER, SCHEDULE="* * * * * *")
    ticks = await host.wait_for(3, message="tick")
    await host.client.post("/admin/functions/tick", headers={"x-functions-key": MASTER_KEY})
    await host.wait_for(event="invocation_started", reason="by hand")
    started = host.records(event="invocation_started", function="tick")
    await host.stop()
    assert [record["past_due"] for record in ticks] == [False] * len(ticks)
    assert [record["reason"] for record in started][:3] == ["timer, on startup", "timer", "timer"]


async def test_a_timer_runs_in_one_host_and_moves_on_when_that_one_is_gone(tmp_path: Path) -> None:
    first = await start_host(tmp_path, NO_BROKER, SCHEDULE="* * * * * *")
    await first.wait_for(message="tick")
    second = await start_host(tmp_path, NO_BROKER)
    await first.wait_for(len(first.records(message="tick")) + 2, message="tick")
    assert not second.records(message="tick")
    await first.child.wait_killed()
    await second.wait_for(message="tick")
    await second.stop()
    await first.client.aclose()
