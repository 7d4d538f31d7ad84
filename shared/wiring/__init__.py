"""The composition root: settings -> adapters -> use cases, each made when first needed."""

import asyncio
import threading
from datetime import timedelta
from functools import cache, cached_property

from shared.diagnostics.health import AnswerProbe, Health
from shared.diagnostics.keep_minutes import KeepMinutes
from shared.environment import load_settings
from shared.intake.queue_change import QueueChange
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.model.map_fingerprint import fingerprint_of
from shared.resilience.change_limits import BlastGuard
from shared.resilience.circuit_breaker import BreakerRules, Breakers
from shared.resilience.heal import Heal
from shared.resilience.replay import Replay, Resubmit
from shared.resilience.report_waiting import ReportWaiting
from shared.resilience.retry_policy import RetryPolicy
from shared.resilience.target_in_use import TargetInUse
from shared.resilience.unlink import Unlink
from shared.settings import Settings
from shared.sync.execute import Execute
from shared.sync.freshness import Margins, RecentStates
from shared.sync.ownership import Ownership
from shared.sync.pipeline import Limits, SyncAccount
from shared.sync.record import Record
from shared.sync.rules import Rules
from shared.telemetry import LOGGER
from shared.wiring.clients import Clients, Ports
from shared.wiring.erp import erp_of, in_use, rules_of
from shared.wiring.families import family_of, resolve_of
from shared.wiring.healing import heal_of
from shared.wiring.intake import queue_change_of
from shared.wiring.runs import RunCases

_BUILDING = threading.RLock()


class Application:
    """The use cases over one set of ports."""

    def __init__(self, settings: Settings, field_map: FieldMap, ports: Ports | None = None) -> None:
        self.settings = settings
        self.field_map = field_map
        for warning in field_map.warnings:
            LOGGER.warning("%s", warning)
        self.erp = erp_of(settings, field_map)
        self.clients = Clients(settings, field_map, self.erp)
        self._given = ports

    @property
    def ports(self) -> Ports:
        """The ports given, or those of the real systems, which are built once, in whatever thread."""
        if self._given is None:
            with _BUILDING:
                self._given = self.clients.ports
        return self._given

    def prepare(self) -> None:
        """Build what every event needs; whoever asks for the application meanwhile waits."""
        with _BUILDING:
            _ = self.queue_change, self.sync_account

    async def warm_up(self) -> None:
        """Open and read what the first event would wait for, all at once, unless an event would wait anyway.

        What fails here fails again at the event, which handles it.
        """
        if await self.breakers.admit() is not None:
            return
        ports = self.ports
        needed = [ports.queue.open(), ports.probes[System.DATAVERSE]()]
        if self.field_map.has_currency:
            needed += [ports.mappings.by_name(), self.knows_currency("")]
        await asyncio.gather(*needed, return_exceptions=True)

    @cached_property
    def queue_change(self) -> QueueChange:
        """The use case behind both intakes."""
        return queue_change_of(self)

    @cached_property
    def sync_account(self) -> SyncAccount:
        """The use case behind the function `sync_account`."""
        ports, settings, erp = self.ports, self.settings, self.erp.capabilities
        longest = settings.longest_request_seconds
        return SyncAccount(
            clock=ports.clock,
            states=(recent := RecentStates(ports.states, ports.clock)),
            reader=ports.reader,
            queue=ports.queue,
            in_use=self.target_in_use,
            resolve=resolve_of(self, self.knows_currency, self.breakers),
            family=family_of(self),
            execute=self._execute(),
            record=Record(ports.queue, ports.issues, ports.clock, fingerprint_of(self.field_map), recent),
            policy=RetryPolicy(
                first=settings.retry_first_seconds,
                cap=settings.retry_cap_seconds,
                attempts=settings.retry_attempts,
                operator=settings.operator_retry_seconds,
            ),
            breakers=self.breakers,
            margins=Margins(
                settle=timedelta(seconds=settings.settle_seconds),
                transaction=timedelta(seconds=settings.transaction_margin_seconds),
            ),
            limits=Limits(
                deadline=self.deadline,
                longest_request=erp.longest_request_seconds if longest is None else longest,
                write_back=settings.write_back_customer_account and bool(self.field_map.written_back),
            ),
            jitter=ports.jitter,
        )

    @cached_property
    def target_in_use(self) -> TargetInUse:
        """Whether the accounts' customers are in the ERP of the settings."""
        ports, mine = self.ports, in_use(self.settings, self.field_map, self.erp)
        return TargetInUse(ports.control, ports.states, ports.clock, self.erp.capabilities.system, mine)

    @cached_property
    def breakers(self) -> Breakers:
        """This instance's view of the shared breakers; it pauses and resumes too."""
        settings = self.settings
        rules = BreakerRules(
            failures=settings.breaker_failures,
            first=settings.breaker_first_seconds,
            cap=settings.breaker_cap_seconds,
            operator=settings.operator_retry_seconds,
            least_wait=timedelta(seconds=settings.breaker_least_wait_seconds),
        )
        ports = self.ports
        erp = self.erp.capabilities
        own = settings.operations_max_concurrency if erp.system is System.OPERATIONS else 0
        most = {erp.system: own or erp.most_concurrent_requests}
        return Breakers(ports.control, ports.probes, ports.clock, rules, self.replay.recheck, most)

    @cached_property
    def heal(self) -> Heal:
        """The use case behind the function `heal`."""
        return heal_of(self, self.deadline)

    @cached_property
    def keep_minutes(self) -> KeepMinutes:
        """The row of the minute, to which this process adds what it has counted."""
        return KeepMinutes(self.ports.counts, self.ports.clock)

    @cached_property
    def ownership(self) -> Ownership:
        """The customers' numbers, each of one account."""
        ports = self.ports
        return Ownership(ports.owners, ports.states, ports.queue, ports.clock)

    @cached_property
    def unlink(self) -> Unlink:
        """Separates an account from its customer."""
        ports = self.ports
        moved, second_key = family_of(self).moved, self.field_map.key.second_key
        return Unlink(ports.states, self.ownership.release, self.replay, ports.clock, moved, second_key)

    @cached_property
    def replay(self) -> Replay:
        """Checks that a person asks for."""
        return Replay(self.ports.queue, self.ports.states, self.ports.issues, self.ports.clock)

    @cached_property
    def resubmit(self) -> Resubmit:
        """Dead letters and rejected events."""
        return Resubmit(self.ports.leftovers, self.ports.queue, self.ports.pages)

    @cached_property
    def run_cases(self) -> RunCases:
        """The runs that walk many accounts page by page."""
        return RunCases(self)

    @cached_property
    def health(self) -> Health:
        """The use case behind the function `health`."""
        ports, settings = self.ports, self.settings
        build, key, doctor = settings.build_id, settings.health_key, self.clients.diagnoses
        return Health(build, key, ports.probes, ports.clock, ports.queue, ports.control, doctor, ports.counts)

    @cached_property
    def answer_probe(self) -> AnswerProbe:
        """What `sync_account` does with a probe."""
        return AnswerProbe(self.settings.build_id, self.ports.control, self.ports.clock)

    @cached_property
    def report_waiting(self) -> ReportWaiting:
        """What the function `heal` tells of work that waits."""
        return ReportWaiting(self.ports.states, self.ports.control, self.ports.clock)

    @property
    def deadline(self) -> timedelta:
        """The longest work on one message."""
        return timedelta(seconds=self.settings.invocation_deadline_seconds)

    async def knows_currency(self, code: str) -> bool:
        """Whether the code is one of the ERP's own currencies; its breaker counts a fault."""
        knows, system = self.ports.target.knows_currency(code), self.erp.capabilities.system
        return await self.breakers.call(system, "currencies", knows, remembered=True)

    @property
    def rules(self) -> Rules:
        """What the plan of each check follows."""
        return rules_of(self.settings, self.field_map, self.erp)

    def _execute(self) -> Execute:
        ports, settings = self.ports, self.settings
        ceilings = {"creates": settings.max_creates_per_hour, "blocks": settings.max_blocks_per_hour}
        return Execute(
            target=ports.target,
            breakers=self.breakers,
            ownership=self.ownership,
            clock=ports.clock,
            limits=BlastGuard(ports.control, ports.clock, ceilings, self.run_cases.load_limit),
            rules=self.rules,
            lease=self.deadline + timedelta(seconds=settings.lease_margin_seconds),
        )

    def setting_texts(self) -> dict[str, str]:
        """The texts of the settings that the field map refers to."""
        return {name: self.settings.named(name) or "" for name in self.field_map.settings}


def application() -> Application:
    """The one application of this process. Raises SettingsError."""
    with _BUILDING:
        return _application()


@cache
def _application() -> Application:
    return Application(*load_settings())
