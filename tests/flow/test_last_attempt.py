"""What the account's row says of the newest attempt: the steps of the trace, and no value of the account."""

import json
from collections.abc import Iterator

import httpx
import pytest

from shared.model.attempt import LastAttempt, decode_attempt
from shared.model.faults import System, TransientFault
from shared.model.outcome import Ending
from shared.telemetry import SPAN, attempted
from shared.telemetry.spans import last_attempt
from shared.web.request_span import request_span
from tests.fakes.telemetry import Exported, exported
from tests.flow.world import World, account
from tests.unit.making import change


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def out() -> Iterator[Exported]:
    with exported() as found:
        yield found


def attempt_of(world: World, name: str) -> LastAttempt:
    found = decode_attempt(world.state(name).last_attempt)
    assert found is not None
    return found


async def test_a_creation_leaves_its_steps_in_order_without_any_export(world: World) -> None:
    assert await world.sync(world.save("A1")) == ["created"]
    found = attempt_of(world, "A1")
    assert (found.ending, found.source, found.attempt) == ("created", "dataverse-queue", 0)
    names = [step.name for step in found.steps]
    assert [name for name in dict.fromkeys(names) if name != "currencies"] == [
        "read",
        "plan",
        "resolve",
        "claim",
        "write",
        "record",
    ]
    assert {step.system for step in found.steps if step.name == "read"} == {"dataverse"}
    assert {step.system for step in found.steps if step.name == "write"} == {"operations"}
    *ended, storing = found.steps
    assert {step.status for step in ended} == {"ok"}
    assert all(step.duration is not None for step in ended)
    assert (storing.name, storing.duration) == ("record", None), "it cannot know how long it takes itself"


async def test_the_steps_are_those_of_the_trace(world: World, out: Exported) -> None:
    with SPAN("sync_account"):
        await world.deliver(world.save("A1"))
    found = attempt_of(world, "A1")
    begun = sorted(out.spans(), key=lambda span: span.start_time or 0)
    assert [step.name for step in found.steps] == [span.name for span in begun if span.name != "sync_account"]
    assert {f"{span.context.trace_id:032x}" for span in begun if span.context} == {found.trace_id}


async def test_a_failed_attempt_says_which_step_failed_and_by_what_kind_of_fault(world: World) -> None:
    world.save("A1")
    world.sales.trouble = TransientFault(System.DATAVERSE, "answered 503")
    await world.send(world.event("A1"))
    await world.deliver(world.take())
    found = attempt_of(world, "A1")
    assert found.ending == "retrying"
    assert [(step.name, step.status) for step in found.steps] == [("read", "TransientFault"), ("record", "")]
    world.sales.trouble = None
    await world.drain()
    assert attempt_of(world, "A1").attempt == 1


async def test_attempts_do_not_mix(world: World) -> None:
    await world.sync(world.save("A1"), world.save("A2"))
    for name in ("A1", "A2"):
        assert [step.name for step in attempt_of(world, name).steps].count("read") == 1


async def test_without_an_attempt_under_way_nothing_is_kept() -> None:
    with SPAN("read"):
        assert last_attempt(change(), "created", World().clock.now()) == ""  # pyright: ignore[reportArgumentType]


async def test_requests_are_steps_within_their_step_with_the_status_of_their_answer() -> None:
    @attempted
    async def work() -> LastAttempt | None:
        with SPAN("read", attributes={"system": System.DATAVERSE}):
            for status in (503, 200):
                with request_span(System.DATAVERSE, "GET", "accounts(1-2)?$select=name", 1) as answered:
                    answered(httpx.Response(status))
        text = last_attempt(change(), Ending.CREATED, World().clock.now())
        return decode_attempt(text)

    found = await work()
    assert found is not None
    told = [(step.name, step.system, step.status, step.depth) for step in found.steps]
    assert told == [
        ("read", "dataverse", "ok", 0),
        ("GET accounts()", "dataverse", "503", 1),
        ("GET accounts()", "dataverse", "200", 1),
    ]


async def test_no_value_of_the_account_is_kept(world: World) -> None:
    secrets = {"accountnumber": "N-4711", "name": "Zauberhaus", "telephone1": "+49 30 998877"}
    await world.sync(world.save("A1", "Galactic Credit", **secrets))
    world.sales.trouble = ValueError(" ".join(secrets.values()))  # pyright: ignore[reportAttributeAccessIssue]
    await world.send(world.save("A1", "Euro", **secrets))
    await world.deliver(world.take())
    told = world.state("A1").last_attempt
    assert json.loads(told)["steps"]
    for value in (*secrets.values(), "Galactic", str(account("A1"))):
        assert value.casefold() not in told.casefold()
