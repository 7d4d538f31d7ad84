"""One trace for each event, over the queue and all attempts; and nothing of the account in what leaves."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_trace_id

from shared import wiring
from shared.functions import catch_up, doctor, events, heal, load_page, nightly, sync
from shared.load.repair import Repair
from shared.load.steer import Wanted
from shared.model.change import encode_change
from shared.model.faults import AccountFault, System, TransientFault
from shared.model.load import Selection
from shared.model.outcome import Cause, Ending, Problem
from shared.model.page import encode_page
from shared.model.reconciliation import Difference, Kind
from shared.resilience.replay import Asked
from shared.telemetry.metrics import METRICS
from shared.wiring import Application
from shared.wiring import catch_up as wiring_of_catch_up
from shared.wiring import doctor as wiring_of_doctor
from tests.fakes.telemetry import Exported, exported
from tests.flow.world import ORGANIZATION, World, account

HOSTS_TRACE = "0af7651916cd43dd8448eb211c80319c"


class Invocation:
    """The host's context of an invocation, as far as the functions read it."""

    class trace_context:  # noqa: N801 - the name of the host's member
        trace_parent = f"00-{HOSTS_TRACE}-b7ad6b7169203331-01"


class Message:
    """A message as the host hands it over, as far as the functions read it."""

    content_type, correlation_id, message_id = "application/json", None, None

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get_body(self) -> bytes:
        return self._body


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World, monkeypatch: pytest.MonkeyPatch) -> Application:
    application = world.application()
    monkeypatch.setattr(wiring, "_application", lambda: application)
    return application


@pytest.fixture
def out(app: Application) -> Iterator[Exported]:
    with exported() as found:
        yield found


def function(builder: Any) -> Any:
    return builder._function.get_user_function()


async def event(world: World, name: str) -> None:
    """Take an event of the account as Dataverse's service endpoint posts it."""
    context = {
        "OrganizationId": str(ORGANIZATION),
        "PrimaryEntityName": "account",
        "PrimaryEntityId": str(account(name)),
        "MessageName": "Update",
        "OperationId": str(uuid4()),
        "CorrelationId": str(uuid4()),
        "OperationCreatedOn": f"/Date({int(world.clock.now().timestamp() * 1000)})/",
        "Mode": 1,
    }
    await function(events.receive_event)(Message(json.dumps(context).encode()), Invocation)


async def work(world: World) -> None:
    """Deliver what is queued until nothing is."""
    while (due := world.queue.next_due()) is not None:
        world.clock.advance_to(max(due, world.clock.now()))
        await function(sync.sync_account)(Message(encode_change(world.take())), Invocation)


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return format_trace_id(span.context.trace_id)


def linked(span: ReadableSpan) -> set[str]:
    return {format_trace_id(link.context.trace_id) for link in span.links}


def spans_linked(span: ReadableSpan) -> set[int]:
    return {link.context.span_id for link in span.links}


async def test_an_event_its_hop_over_the_queue_and_its_steps_are_one_trace(
    world: World, out: Exported
) -> None:
    world.save("A1")
    await event(world, "A1")
    await work(world)
    assert {trace_of(span) for span in out.spans()} == {HOSTS_TRACE}
    steps = {"intake", "sync_account", "read", "resolve", "plan", "claim", "write", "record"}
    assert steps <= {span.name for span in out.spans()}
    (taken,), (checked,) = out.spans("intake"), out.spans("sync_account")
    assert checked.parent is not None
    assert taken.context is not None
    assert checked.parent.span_id == taken.context.span_id
    assert linked(checked) == {HOSTS_TRACE}  # the host's invocation, in reality a trace of its own
    assert checked.attributes is not None
    assert checked.attributes["ending"] == "created"
    assert checked.attributes["account_id"] == str(account("A1"))
    assert taken.attributes is not None
    assert taken.attributes["operation_id"] == checked.attributes["operation_id"]
    assert checked.attributes["correlation_id"] == taken.attributes["correlation_id"] != "None"


async def test_all_attempts_of_a_change_are_in_its_trace(world: World, out: Exported) -> None:
    world.save("A1")
    world.sales.trouble = TransientFault(System.DATAVERSE, "answered 503")
    await event(world, "A1")
    await function(sync.sync_account)(Message(encode_change(world.take())), Invocation)
    world.sales.trouble = None
    await work(world)
    attempts = [dict(span.attributes or {}) for span in out.spans("sync_account")]
    assert [(each["attempt"], each["ending"]) for each in attempts] == [(0, "retrying"), (1, "created")]
    assert {trace_of(span) for span in out.spans("sync_account")} == {HOSTS_TRACE}


async def test_a_check_of_our_own_begins_a_trace_that_links_to_who_asked(
    world: World, app: Application, out: Exported
) -> None:
    world.save("A1")
    world.sales.trouble = TransientFault(System.DATAVERSE, "answered 503")
    asked = replace(world.check("A1"), traceparent=f"00-{'1' * 32}-{'2' * 16}-01")
    await function(sync.sync_account)(Message(encode_change(asked)), Invocation)
    world.sales.trouble = None
    await work(world)
    first, second = out.spans("sync_account")
    assert first.parent is None
    assert linked(first) == {HOSTS_TRACE, "1" * 32}
    assert trace_of(first) == trace_of(second)
    assert trace_of(first) not in linked(first)
    assert linked(second) == {HOSTS_TRACE}


async def test_the_check_of_a_burst_links_to_each_change_of_it_and_all_of_them_name_it(
    world: World, out: Exported
) -> None:
    world.save("A1")
    await event(world, "A1")
    await work(world)
    for phone in ("1", "2"):
        world.save("A1", telephone1=phone)
        await event(world, "A1")
    await work(world)
    checks = {str(dict(span.attributes or {})["ending"]): span for span in out.spans("sync_account")}
    check = checks["updated"]
    assert check.parent is None
    assert HOSTS_TRACE in linked(check)
    merged = [dict(span.attributes or {}) for span in out.spans("sync_account")]
    named = [each.get("burst_operation_id") for each in merged if each["ending"] == "merged"]
    assert named == [dict(check.attributes or {})["operation_id"]] * 2
    asked = [span for span in out.spans("sync_account") if dict(span.attributes or {})["ending"] == "merged"]
    assert {span.context.span_id for span in asked if span.context} <= spans_linked(check)
    assert len(check.links) == 4  # those two, the host's invocation, and the event that was first


async def test_a_page_of_a_load_is_the_run_that_its_checks_link_to(
    world: World, app: Application, out: Exported
) -> None:
    world.save("A1")
    run = await app.run_cases.steer_load.start(Wanted(Selection(), "anna", 10, total=1))
    for _ in range(2):  # the page that sends the checks, and one while they wait
        page = world.pages.take()
        assert page is not None
        await function(load_page.load_page)(Message(encode_page(page)), Invocation)
        world.clock.advance(1)
    assert {key: point.value for key, point in out.points("sync.load").items()} == {
        ("total",): 1,
        ("sent",): 1,
        ("ended",): 0,
    }
    await work(world)
    first = out.spans("load_page")[0]
    assert dict(first.attributes or {}) == {"run_kind": "load", "run": run.id.hex, "page": 0}
    (check,) = out.spans("sync_account")
    assert first.context is not None
    assert first.context.span_id in spans_linked(check)
    assert check.parent is None


async def test_a_replay_is_the_run_that_its_checks_link_to(
    world: World, app: Application, out: Exported
) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(3600)
    assert await app.replay.accounts([account("A1")], Asked("anna", "a test")) == 1
    await work(world)
    (run,) = out.spans("replay")
    check = out.spans("sync_account")[-1]
    assert trace_of(run) in linked(check)
    assert trace_of(run) != trace_of(check)


async def test_a_repair_is_the_run_that_its_checks_link_to(world: World, out: Exported) -> None:
    await world.sync(world.save("A1"))

    async def organization() -> UUID:
        return ORGANIZATION

    repair = Repair(world.queue, world.states, world.clock, organization)
    found = Difference(account("A1"), Kind.DIFFERENT)
    assert await repair.send([found], Asked("anna", "a test")) == 1
    await work(world)
    (run,) = out.spans("repair")
    check = out.spans("sync_account")[-1]
    assert dict(check.attributes or {})["source"] == "reconcile"
    assert check.parent is None
    assert trace_of(run) in linked(check)


@pytest.mark.parametrize("timer", [heal, catch_up, nightly, doctor])
async def test_a_run_by_the_clock_is_a_span(
    timer: Any, app: Application, out: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        """Stand for the runs whose tables are not in this world."""

    monkeypatch.setattr(wiring_of_catch_up, "catch_up_of", lambda _: SimpleNamespace(run_if_due=nothing))
    monkeypatch.setattr(wiring_of_doctor, "diagnose", lambda _: SimpleNamespace(run=nothing))
    name = timer.__name__.rpartition(".")[2]
    await function(getattr(timer, name))(None)
    assert [span.name for span in out.spans(name)] == [name]


async def test_healing_is_the_run_that_its_checks_link_to(world: World, out: Exported) -> None:
    world.save("A1", "Galactic Credit")
    await event(world, "A1")
    await work(world)
    world.mappings.put("key", "Galactic Credit", "EUR")
    world.clock.advance(120)
    await function(heal.heal)(None)
    await work(world)
    (run,) = out.spans("heal")
    check = out.spans("sync_account")[-1]
    assert dict(check.attributes or {})["source"] == "heal"
    assert check.parent is None
    assert trace_of(run) in linked(check)


async def test_metrics_count_what_became_of_each_change(world: World, out: Exported) -> None:
    world.save("A1")
    world.save("A2", "Galactic Credit")
    for name in ("A1", "A2"):
        await event(world, name)
    world.clock.advance(7)
    await work(world)
    outcomes = {key: point.value for key, point in out.points("sync.outcome").items()}
    assert outcomes == {
        ("created", "dataverse-queue", ""): 1,
        ("parked", "dataverse-queue", str(Cause.UNMAPPED_CURRENCY)): 1,
    }
    assert {key: point.value for key, point in out.points("sync.intake").items()} == {
        ("queued", "dataverse-queue"): 2
    }
    lag = out.points("sync.lag")["dataverse-queue",]
    assert (lag.count, lag.sum) == (1, 7.0)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_has_few_dimensions(metric: Any) -> None:
    assert 0 < len(metric.dimensions) <= 10
    assert not {"account", "account_id", "operation_id", "detail", "reason"} & set(metric.dimensions)


SECRETS = {
    "accountnumber": "N-4711",
    "name": "Zauberhaus Wunderlich",
    "telephone1": "+49 30 998877",
    "emailaddress1": "geheim@wunderlich.example",
    "address1_line1": "Verschwiegene Gasse 9",
    "address1_city": "Heimlichstadt",
    "address1_country": "Narnia",
    "address1_postalcode": "00711",
    "websiteurl": "https://wunderlich.example",
}


async def _runs_of_our_own(world: World, app: Application) -> None:
    """Heal, load and replay accounts, one of which cannot be written."""
    world.save("A2", "Galactic Credit", **SECRETS)
    await app.run_cases.steer_load.start(Wanted(Selection(), "anna", 10))
    while (page := world.pages.take_next()) is not None:
        await function(load_page.load_page)(Message(encode_page(page)), Invocation)
        await work(world)
    world.mappings.put("key", "Galactic Credit", "GALACTIC")
    for _ in range(3):
        world.clock.advance(120)
        await function(heal.heal)(None)
        await work(world)
    await app.replay.parked(Asked("anna", "a test"))
    await work(world)


async def test_nothing_of_the_account_is_exported_or_logged(
    world: World, app: Application, out: Exported, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever becomes of a check: no value of the account leaves, and no text that quotes one."""
    caplog.set_level(logging.DEBUG)
    quotes = " ".join(SECRETS.values())
    refusals: list[Exception | None] = [
        None,
        AccountFault(Problem(Cause.REFUSED, field="AddressCity", status=400)),
        AccountFault(Problem(Cause.UNMAPPED_VALUE, field="Country", value=SECRETS["address1_country"])),
        ValueError(quotes),
        TransientFault(System.DATAVERSE, "answered 503"),
        None,
    ]
    for refusal in refusals:
        world.clock.advance(3600)
        world.save("A1", "Galactic Credit" if refusal is None else "Euro", **SECRETS)
        world.sales.refuses = lambda _operation, _about, refusal=refusal: refusal
        await event(world, "A1")
        await function(sync.sync_account)(Message(encode_change(world.take())), Invocation)
    world.sales.refuses = lambda _operation, _about: None
    world.save("A1", "Euro", **{**SECRETS, "address1_country": "Germany"})
    world.clock.advance(3600)
    await event(world, "A1")
    await work(world)
    await _runs_of_our_own(world, app)
    logged = [f"{record.getMessage()} {_fields(record)}" for record in caplog.records]
    assert {"heal", "load_page", "replay"} <= {span.name for span in out.spans()}
    told = "\n".join([out.told(), *logged])
    endings = {str(dict(span.attributes or {})["ending"]) for span in out.spans("sync_account")}
    assert {Ending.PARKED, Ending.RETRYING, Ending.CREATED} <= endings
    for value in (*SECRETS.values(), "Galactic Credit", "galactic credit"):
        assert value.casefold() not in told.casefold(), value


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """All that a record holds, without the stack of an unexpected error, which is for developers."""
    return {name: text for name, text in vars(record).items() if name not in {"exc_info", "exc_text"}}
