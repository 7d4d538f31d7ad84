"""Events made by hand: an order from the control endpoint enters, a job leaves.

An order names an account and an operation, or repeats the message of an earlier job, or brings a raw body.
What cannot be posted because nothing is registered for it raises LookupError with the remedy.
"""

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from local.dynamics.dataverse.store import Change, Message, Row, Store
from local.dynamics.events.jobs import Job, Jobs, new_operation_id
from local.dynamics.events.notifier import JSON, Notifier, Occurrence
from local.dynamics.events.steps import Endpoint, Step, Via, fired_steps, read_endpoint

MESSAGES: dict[str, Message] = {"create": "Create", "update": "Update", "delete": "Delete"}


class EventOrder(BaseModel):
    """The body of `POST /events`; `body` is sent as it is, `body_base64` for bytes that are no text."""

    model_config = ConfigDict(extra="forbid")

    account_id: str = "00000000-0000-0000-0000-000000000000"
    operation: Literal["create", "update", "delete"] = "update"
    columns: list[str] = Field(default_factory=lambda: ["name"])
    repeat_of: str | None = None
    operation_id: str | None = None
    occurred_at: AwareDatetime | None = None
    stripped: bool = False
    mode: Literal[0, 1] = 1
    via: Via | None = None
    body: str | None = None
    body_base64: str | None = None
    content_type: str = JSON


def post_order(order: EventOrder, store: Store, jobs: Jobs, notifier: Notifier) -> Job:
    """Make the job; raises LookupError."""
    if order.repeat_of is not None:
        return _repeat(order, store, jobs)
    change = _change(order, store)
    step = _step(order, store, change)
    if order.body is None and order.body_base64 is None:
        how = Occurrence(order.operation_id, order.occurred_at, order.stripped)
        return notifier.post(change, step, how)
    return _raw(order, step, change, jobs, notifier)


def _repeat(order: EventOrder, store: Store, jobs: Jobs) -> Job:
    """The same message once more, as after a lost acknowledgement: same operation id, new message id."""
    assert order.repeat_of is not None
    first = jobs.find(order.repeat_of)
    if first is None:
        raise LookupError(f"No event has the operation id {order.repeat_of}; GET /events lists them.")
    if not first.message.body:
        raise LookupError(f"The message of {order.repeat_of} is too old: only the newest are kept.")
    endpoint = first.endpoint if order.via in (None, first.endpoint.via) else _endpoint(store, order.via)
    job = Job(
        operation_id=first.operation_id,
        account_id=first.account_id,
        message_name=first.message_name,
        endpoint=endpoint,
        message=first.message,
        created=datetime.now(UTC),
        table=first.table,
        step_id=first.step_id,
        repeat_of=first.operation_id,
        stripped=first.stripped,
    )
    jobs.add(job)
    return job


def _raw(order: EventOrder, step: Step, change: Change, jobs: Jobs, notifier: Notifier) -> Job:
    body = b64decode(order.body_base64) if order.body_base64 is not None else (order.body or "").encode()
    who = notifier.store.identity
    facts: dict[str, Any] = {
        "PrimaryEntityName": "account",
        "MessageName": change.message,
        "UserId": who.user_id,
    }
    facts |= {"InitiatingUserId": who.user_id, "CorrelationId": change.correlation_id}
    claim = step.endpoint.user_claim
    message = notifier.message(facts, body, order.content_type, stripped=order.stripped, user_claim=claim)
    operation = order.operation_id or new_operation_id()
    job = Job(operation, change.id, change.message, step.endpoint, message, datetime.now(UTC))
    jobs.add(job)
    return job


def _change(order: EventOrder, store: Store) -> Change:
    """The change as the order tells it; a row that is not there is imagined with its id alone."""
    table = store.tables["account"]
    row_id = order.account_id.lower()
    row = store.rows("account").get(row_id) or Row(row_id, {table.primary_id: row_id, "name": None}, 0)
    message = MESSAGES[order.operation]
    values = dict(row.values)
    sent = values if message == "Create" else {name: values.get(name) for name in order.columns}
    stamp = {
        name: values.get(name)
        for name in ("modifiedon", "modifiedby", "modifiedonbehalfby")
        if name in values
    }
    target = values if message == "Create" else {**sent, table.primary_id: row_id, **stamp}
    before, after = (None if message == "Create" else row), (None if message == "Delete" else row)
    at = order.occurred_at or datetime.now(UTC)
    return Change(
        message, table, row_id, sent, target, before, after, at, new_operation_id(), new_operation_id()
    )


def _step(order: EventOrder, store: Store, change: Change) -> Step:
    steps = [step for step in fired_steps(store, change) if order.via in (None, step.endpoint.via)]
    step = steps[0] if steps else Step(new_operation_id(), "by hand", _endpoint(store, order.via))
    return replace(step, synchronous=order.mode == 0)


def _endpoint(store: Store, via: Via | None) -> Endpoint:
    for row_id in store.rows("serviceendpoint"):
        endpoint = read_endpoint(store, row_id)
        if endpoint is not None and via in (None, endpoint.via):
            return endpoint
    kind = via or "queue or webhook"
    raise LookupError(
        f"No endpoint of kind {kind} is registered; start with --servicebus or --webhook, or register one."
    )
