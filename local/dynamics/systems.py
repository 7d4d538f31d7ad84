"""Dataverse and one simulated ERP with their faults, request log, jobs and events; nothing listens yet.

Options enter; a seeded organisation and an empty ERP leave, as the control endpoint and the listeners need
them.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from local.dynamics.dataverse import seed
from local.dynamics.dataverse.rules import apply_rules
from local.dynamics.dataverse.service import Dataverse
from local.dynamics.dataverse.store import Store
from local.dynamics.dataverse.tables import organisation_tables
from local.dynamics.erp import SimulatedErp
from local.dynamics.events.joblog import JobLog
from local.dynamics.events.jobs import Jobs
from local.dynamics.events.notifier import Notifier, Routing
from local.dynamics.faults import Faults
from local.dynamics.operations.simulated import SimulatedOperations
from local.dynamics.requestlog import RequestLog


@dataclass(frozen=True, slots=True)
class Options:
    """How to start; port 0 means a free one, no token means a random one."""

    target: str = "operations"
    dataverse_port: int = 0
    erp_port: int = 0
    control_port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    servicebus: str | None = None
    queue: str = "dataverse-events"
    webhook: str | None = None
    webhook_key: str | None = None
    tls: bool = False


# The simulated ERPs, by the name of the target that writes into them.
ERPS: dict[str, Callable[[], SimulatedErp]] = {"operations": SimulatedOperations}


class Systems:
    """The parts of both; they are public for the control endpoint and for tests."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.faults = Faults()
        self.log = RequestLog()
        self.store = Store(organisation_tables())
        self.store.check = lambda table, values: apply_rules(self.store, table, values)
        self.jobs = Jobs(self.faults)
        self.notifier = Notifier(self.store, self.jobs)
        self.dataverse = Dataverse(self.store)
        self.erp = ERPS[options.target]()
        # Milliseconds that every answer of a system takes longer.
        self.latency = {"dataverse": 0.0, self.erp.name: 0.0}
        self._prepare()

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
