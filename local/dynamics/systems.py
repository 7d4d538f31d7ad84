"""Both simulated systems with their faults, request log, jobs and events; nothing listens yet.

Options enter; a seeded organisation and an empty environment leave, as the control endpoint and the listeners
need them.
"""

import secrets
from dataclasses import dataclass, field

from local.dynamics.business_central.queue import RequestQueue
from local.dynamics.business_central.service import BusinessCentral
from local.dynamics.dataverse import seed
from local.dynamics.dataverse.rules import apply_rules
from local.dynamics.dataverse.service import Dataverse
from local.dynamics.dataverse.store import Store
from local.dynamics.dataverse.tables import organisation_tables
from local.dynamics.events.joblog import JobLog
from local.dynamics.events.jobs import Jobs
from local.dynamics.events.notifier import Notifier, Routing
from local.dynamics.faults import Faults
from local.dynamics.nav.service import Nav
from local.dynamics.operations.entities import environment_entities
from local.dynamics.operations.environment import Environment
from local.dynamics.operations.rules import Rules
from local.dynamics.operations.service import Operations
from local.dynamics.operations.store import Records
from local.dynamics.requestlog import RequestLog


@dataclass(frozen=True, slots=True)
class Options:
    """How to start; port 0 means a free one, no token means a random one."""

    dataverse_port: int = 0
    operations_port: int = 0
    business_central_port: int = 0
    nav_port: int = 0
    nav_user: str = "ACCOUNTSYNC"  # its web service access key is the token
    control_port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    servicebus: str | None = None
    queue: str = "dataverse-events"
    webhook: str | None = None
    webhook_key: str | None = None
    tls: bool = False


@dataclass(slots=True)
class Latency:
    """Milliseconds that every answer of a system takes longer."""

    dataverse: float = 0.0
    operations: float = 0.0
    business_central: float = 0.0
    nav: float = 0.0


class Systems:
    """The parts of both systems; they are public for the control endpoint and for tests."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.faults = Faults()
        self.log = RequestLog()
        self.latency = Latency()
        self.store = Store(organisation_tables())
        self.store.check = lambda table, values: apply_rules(self.store, table, values)
        self.jobs = Jobs(self.faults)
        self.notifier = Notifier(self.store, self.jobs)
        self.dataverse = Dataverse(self.store)
        self.environment = Environment()
        self.records = Records()
        self.operations = Operations(Rules(environment_entities(), self.records, self.environment))
        self.business_central = BusinessCentral()
        self.queue = RequestQueue()
        self.nav = Nav()
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
