"""From a change to jobs: a committed change enters, one job per fired step leaves.

Size limits: 192 KB for Service Bus, 256 KB for a webhook; above it parts are removed and the message is
marked (learn.microsoft.com/power-apps/developer/data-platform/azure-integration and .../use-webhooks). What
is still too large for Service Bus is not sent at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from local.dynamics.dataverse.store import Change, Store
from local.dynamics.events.context import Execution, build_context, encode, strip
from local.dynamics.events.jobs import Job, Jobs, new_operation_id
from local.dynamics.events.posting import Message, Outcome
from local.dynamics.events.steps import Step, Via, fired_steps

LIMITS: dict[Via, int] = {"queue": 192 * 1024, "webhook": 256 * 1024}
JSON = "application/json"
type Routing = Literal["registered", "queue", "webhook", "both"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """How a job is made when it is made by hand; the defaults are those of an ordinary change."""

    operation_id: str | None = None
    occurred_at: datetime | None = None
    stripped: bool = False


@dataclass(slots=True)
class Notifier:
    """Makes jobs; `via` picks among the fired steps, "both" gives each change to one of the two kinds in
    turn.
    """

    store: Store
    jobs: Jobs
    organization_url: str = "http://127.0.0.1"
    via: Routing = "registered"
    _turn: int = 0

    def changed(self, change: Change) -> None:
        """Hear of a committed change; the platform's own system jobs fire no steps."""
        if change.table.name == "asyncoperation":
            return
        for step in self.routed(list(fired_steps(self.store, change))):
            self.post(change, step, Occurrence())

    def routed(self, steps: list[Step]) -> list[Step]:
        """The steps that the routing lets through."""
        if self.via == "registered" or not steps:
            return steps
        kinds = sorted({step.endpoint.via for step in steps})
        wanted = self.via
        if self.via == "both":
            wanted = kinds[self._turn % len(kinds)]
            self._turn += 1
        return [step for step in steps if step.endpoint.via == wanted]

    def post(self, change: Change, step: Step, how: Occurrence) -> Job:
        """Make the job of one change for one step."""
        created = how.occurred_at or change.at
        run = Execution(how.operation_id or new_operation_id(), created)
        context = build_context(self.store, change, step, run)
        body, stripped = fit(context, LIMITS[step.endpoint.via], force=how.stripped)
        job = Job(
            operation_id=context["OperationId"],
            account_id=change.id,
            message_name=change.message,
            endpoint=step.endpoint,
            message=self.message(context, body, JSON, stripped=stripped, user_claim=step.endpoint.user_claim),
            created=datetime.now(UTC),
            table=change.table.name,
            step_id=step.id,
            stripped=stripped,
            auto_delete=step.auto_delete,
        )
        if step.endpoint.via == "queue" and len(body) > LIMITS["queue"]:
            job.state, job.outcome = "failed", Outcome(delivered=False, error="The message is too large.")
            self.jobs.records.append(job)
        else:
            self.jobs.add(job)
        return job

    def message(
        self, context: Mapping[str, Any], body: bytes, content_type: str, *, stripped: bool, user_claim: int
    ) -> Message:
        """The message around a body: claims for the queue, headers for the webhook."""
        claims: dict[str, str | bool] = {
            "Organization": self.organization_url,
            "EntityLogicalName": context["PrimaryEntityName"],
            "RequestName": context["MessageName"],
            "InitiatingUserAgent": "",
        }
        if user_claim != 1:
            claims |= {"User": context["UserId"], "InitiatingUser": context["InitiatingUserId"]}
        headers = {
            "x-ms-dynamics-organization": urlsplit(self.organization_url).netloc,
            "x-ms-dynamics-entity-name": context["PrimaryEntityName"],
            "x-ms-dynamics-request-name": context["MessageName"],
            "x-ms-correlation-request-id": context["CorrelationId"],
        }
        if stripped:
            claims["MessageMaxSizeExceeded"] = True
            headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        return Message(body, content_type, claims, headers)


def fit(context: Mapping[str, Any], limit: int, *, force: bool = False) -> tuple[bytes, bool]:
    """The encoded context and whether parts had to be removed; `force` removes them anyway."""
    body = encode(context)
    if len(body) <= limit and not force:
        return body, False
    return encode(strip(context)), True
