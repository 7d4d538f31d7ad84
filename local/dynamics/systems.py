"""Dataverse and the simulated ERPs with their faults, request log, jobs and events; nothing listens yet.

Options enter; a seeded organisation and empty ERPs leave, as control endpoint and listeners need them.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.dynamics.business_central.simulated import SimulatedBusinessCentral
from local.dynamics.dataverse import seed
from local.dynamics.dataverse.rules import apply_rules
from local.dynamics.dataverse.service import Dataverse
from local.dynamics.dataverse.store import Store
from local.dynamics.dataverse.tables import organisation_tables
from local.dynamics.erp import SimulatedErp, key_of
from local.dynamics.events.joblog import JobLog
from local.dynamics.events.jobs import Jobs
from local.dynamics.events.notifier import Notifier, Routing
from local.dynamics.faults import Faults
from local.dynamics.metadata import Planted
from local.dynamics.nav.simulated import SimulatedNav
from local.dynamics.operations.simulated import SimulatedOperations
from local.dynamics.requestlog import RequestLog


@dataclass(frozen=True, slots=True)
class Options:
    """How to start; port 0 means a free one, no token means a random one."""

    dataverse_port: int = 0
    erp_ports: Mapping[str, int] = field(default_factory=dict[str, int])
    control_port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    servicebus: str | None = None
    queue: str = "dataverse-events"
    webhook: str | None = None
    webhook_key: str | None = None
    tls: bool = False


class Systems:
    """The parts of all; they are public for the control endpoint and for tests."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.faults = Faults()
        self.log = RequestLog()
        self.store = Store(organisation_tables())
        self.store.check = lambda table, values: apply_rules(self.store, table, values)
        self.jobs = Jobs(self.faults)
        self.notifier = Notifier(self.store, self.jobs)
        self.dataverse = Dataverse(self.store)
        self.operations = SimulatedOperations()
        self.business_central = SimulatedBusinessCentral()
        self.nav = SimulatedNav()
        self.erps: tuple[SimulatedErp, ...] = (self.operations, self.business_central, self.nav)
        # Milliseconds that every answer of a system takes longer.
        self.latency = {"dataverse": 0.0, **{key_of(erp): 0.0 for erp in self.erps}}
        self._prepare()

    def planted(self, system: str) -> Planted:
        """Return the faults of a system's metadata."""
        own = (erp.planted for erp in self.erps if key_of(erp) == system)
        return next(own, self.dataverse.definitions.planted)

    def _prepare(self) -> None:
        """Seed the organisation, then listen to its changes."""
        options = self.options
        seed.seed_organisation(self.store)
        if options.servicebus:
            seed.register_queue(self.store, options.servicebus, options.queue)
        if options.webhook:
            seed.register_webhook(self.store, options.webhook, options.webhook_key)
        routing: Routing = "both" if options.servicebus and options.webhook else "registered"
        self.notifier.via = routing
        self.store.on_change = self.notifier.changed
        self.jobs.on_progress = JobLog(self.store).record


def by_erp(systems: Systems, given: Mapping[str, Any] | None) -> list[tuple[SimulatedErp, object]]:
    """What a body gives to each ERP: what stands under its name; all else is for Operations."""
    left = dict(given or {})
    named = [(erp, left.pop(key_of(erp))) for erp in systems.erps if key_of(erp) in left]
    return [*named, (systems.operations, left)] if left else named
