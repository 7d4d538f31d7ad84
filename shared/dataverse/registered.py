"""Compares what is registered with Dataverse to post events with what should be; changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.dataverse.endpoints import QUEUE, WEBHOOK, WEBHOOK_PATH, Endpoint, Registry, webhook_endpoint
from shared.dataverse.registration import Registration
from shared.dataverse.registration_plan import Plan
from shared.model.observed import ColumnDifference, EventRegistration

_COMMANDS = {
    QUEUE: "accountsync register",
    WEBHOOK: "accountsync register --webhook --url https://YOUR-APP",
}


@dataclass(frozen=True, slots=True)
class RegisteredEndpoints:
    """Implements the port Registrations. `queue` is the endpoint that the settings call for."""

    registry: Registry
    watched: frozenset[str]
    related: Mapping[str, frozenset[str]]
    queue: Endpoint

    async def read(self) -> Sequence[EventRegistration]:
        found: list[EventRegistration] = []
        for name in (QUEUE, WEBHOOK):
            rows = await self.registry.endpoints(name)
            if len(rows) > 1:
                found.append(EventRegistration(name, _COMMANDS[name], copies=len(rows)))
            elif rows:
                url = str(rows[0].columns.get("url") or "")
                found.append(await self._compared(self.queue if name == QUEUE else _webhook(url)))
        return found

    async def _compared(self, wanted: Endpoint) -> EventRegistration:
        registration = Registration(self.registry, self.watched, self.related)
        plan = await registration.plan(wanted)
        failed = await registration.failed_posts(plan)
        return EventRegistration(
            endpoint=wanted.name,
            command=_COMMANDS[wanted.name],
            needs_key=plan.needs_secret,
            missing=tuple(item.name for item in plan.steps if item.id is None),
            differences=tuple(_differences(plan)),
            obsolete=tuple(item.name for item in plan.obsolete),
            strangers=plan.strangers,
            failed_posts=sum(failed.values()),
        )


def _differences(plan: Plan) -> Iterator[ColumnDifference]:
    for item in plan.items:
        for one in item.differences:
            texts = ("" if value is None else str(value) for value in (one.found, one.wanted))
            yield ColumnDifference(item.name, one.column, *texts)


def _webhook(url: str) -> Endpoint:
    """Describe the webhook at the address that is registered: it must be https, with the function's path."""
    return webhook_endpoint(f"https://{urlsplit(url).netloc}{WEBHOOK_PATH}")
