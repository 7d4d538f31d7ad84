"""System jobs without a network: retries, order, sizes, and what is kept of them."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from local.dynamics.dataverse.store import Change, Origin
from local.dynamics.events.context import Execution, build_context
from local.dynamics.events.jobs import Job, Jobs, RetryIntervals
from local.dynamics.events.notifier import LIMITS, Notifier, Occurrence, fit
from local.dynamics.events.posting import Message, Outcome, Posting
from local.dynamics.events.steps import Endpoint, Step, Via, connection_string
from local.dynamics.faults import Faults
from local.dynamics.simulator import Options, Simulator


class ScriptedPosting(Posting):
    """Answers with the outcomes it was given, then with success; keeps what it was asked to post."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__()
        self.outcomes = outcomes
        self.posted: list[Message] = []

    async def post(self, endpoint: Endpoint, message: Message) -> Outcome:
        self.posted.append(message)
        return self.outcomes.pop(0) if self.outcomes else Outcome(delivered=True)


def created_change(name: str = "A") -> tuple[Simulator, Change]:
    simulator = Simulator(Options())
    heard: list[Change] = []
    simulator.store.on_change = heard.append
    with simulator.store.transaction():
        simulator.store.create(simulator.store.tables["account"], {"name": name}, Origin())
    return simulator, heard[0]


def step(via: Via, **values: Any) -> Step:
    return Step("5e9b1b2e-0000-4000-8000-000000000001", "a step", Endpoint("e", via, "nowhere"), **values)


def test_intervals_grow_up_to_their_cap() -> None:
    intervals = RetryIntervals(first=1, cap=60)
    assert [intervals.after(tries) for tries in (1, 2, 3, 7, 500)] == [1, 2, 4, 60, 60]


async def test_a_job_of_a_queue_is_posted_again_until_it_is_through() -> None:
    simulator, change = created_change()
    lost = Outcome(delivered=False, retry=True, error="away")
    posting = ScriptedPosting([lost, lost])
    jobs = Jobs(Faults(), posting, RetryIntervals(first=0.001, cap=0.002))
    seen: list[str] = []
    through = asyncio.Event()

    def progress(job: Job) -> None:
        seen.append(job.state)
        if job.state == "posted":
            through.set()

    jobs.on_progress = progress
    jobs.holding = True
    job = Notifier(simulator.store, jobs).post(change, step("queue"), Occurrence())
    await jobs.release("fifo", 1)
    await asyncio.wait_for(through.wait(), 5)
    await jobs.close()
    assert (job.state, job.tries, len(posting.posted)) == ("posted", 3, 3)
    assert len({message.body for message in posting.posted}) == 1
    assert seen == ["held", *["posting", "waiting", "waiting"] * 2, "posting", "posted"]


@pytest.mark.parametrize("via", ["queue", "webhook"])
def test_the_limit_belongs_to_the_kind_of_endpoint(via: Via) -> None:
    simulator, change = created_change()
    context = build_context(simulator.store, change, step(via), Execution("op", change.at))
    room = LIMITS[via] - len(fit(context, 10**9)[0])
    just_fits = {**context, "OrganizationName": context["OrganizationName"] + "x" * room}
    too_large = {**context, "OrganizationName": context["OrganizationName"] + "x" * (room + 1)}
    assert fit(just_fits, LIMITS[via])[1] is False
    body, stripped = fit(too_large, LIMITS[via])
    assert stripped is True
    assert "ParentContext" not in json.loads(body)


def test_what_is_still_too_large_for_the_queue_is_never_posted() -> None:
    simulator, change = created_change()
    simulator.store.identity = replace(simulator.store.identity, organization_name="x" * LIMITS["queue"])
    jobs = Jobs(Faults(), ScriptedPosting([]))
    job = Notifier(simulator.store, jobs).post(change, step("queue"), Occurrence())
    assert (job.state, jobs.pending()) == ("failed", 0)
    assert job.outcome is not None
    assert job.outcome.error == "The message is too large."


def test_a_synchronous_step_has_the_shape_of_one() -> None:
    simulator, change = created_change()
    context = build_context(
        simulator.store, change, step("webhook", synchronous=True), Execution("op", change.at)
    )
    assert (context["Mode"], context["IsInTransaction"]) == (0, True)
    assert context["OperationId"] == context["RequestId"] == change.request_id
    assert context["OwningExtension"]["Name"] == "a step"
    assert context["PostEntityImages"] == []
    assert context["OperationCreatedOn"].endswith(")/")
    assert "+" not in context["OperationCreatedOn"]


@pytest.mark.parametrize(
    ("namespace", "local"),
    [("sb://127.0.0.1:5672", True), ("sb://localhost", True), ("sb://a.servicebus.windows.net/", False)],
)
def test_only_a_local_broker_is_spoken_to_without_tls(namespace: str, local: bool) -> None:
    assert ("UseDevelopmentEmulator=true" in connection_string(namespace, "n", "k")) is local
