"""Settings of behaviour that may change while the simulators run."""

from pydantic import BaseModel, ConfigDict, Field

from local.dynamics.events.notifier import Routing
from local.dynamics.nav.state import NavSettings, apply_nav_settings
from local.dynamics.systems import Systems


class Sequence(BaseModel):
    """A company's customer account sequence; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    prefix: str | None = None
    digits: int | None = Field(default=None, ge=1, le=20)
    next: int | None = Field(default=None, ge=0)
    manual: bool | None = None


class CompanyChange(BaseModel):
    """What can change about a legal entity."""

    model_config = ConfigDict(extra="forbid")

    number_sequence: Sequence


class LatencyChange(BaseModel):
    """Milliseconds that every answer of a system takes longer."""

    model_config = ConfigDict(extra="forbid")

    dataverse: float | None = Field(default=None, ge=0)
    operations: float | None = Field(default=None, ge=0)
    business_central: float | None = Field(default=None, ge=0)
    nav: float | None = Field(default=None, ge=0)


class SettingsChange(BaseModel):
    """The body of `POST /settings`; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    via: Routing | None = None
    workers: int | None = Field(default=None, ge=1, le=64)
    retry_first_seconds: float | None = Field(default=None, gt=0)
    retry_cap_seconds: float | None = Field(default=None, gt=0)
    latency_ms: LatencyChange | None = None
    seed: int | None = None
    duplicate_status: int | None = Field(default=None, ge=400, le=599)
    page_size: int | None = Field(default=None, ge=1, le=10_000)
    companies: dict[str, CompanyChange] | None = None
    nav: NavSettings | None = None


def apply_settings(systems: Systems, change: SettingsChange) -> None:
    """Put a change into effect; raises ValueError."""
    _apply_events(systems, change)
    _apply_operations(systems, change)
    if change.nav is not None:
        apply_nav_settings(systems.nav, change.nav)
    if change.latency_ms is not None:
        for name, value in change.latency_ms.model_dump(exclude_none=True).items():
            setattr(systems.latency, name, value)
    if change.seed is not None:
        systems.faults.seed(change.seed)


def _apply_events(systems: Systems, change: SettingsChange) -> None:
    jobs, notifier = systems.jobs, systems.notifier
    notifier.via = change.via or notifier.via
    jobs.workers = change.workers or jobs.workers
    jobs.intervals.first = change.retry_first_seconds or jobs.intervals.first
    jobs.intervals.cap = change.retry_cap_seconds or jobs.intervals.cap


def _apply_operations(systems: Systems, change: SettingsChange) -> None:
    environment = systems.environment
    for code, company in (change.companies or {}).items():
        numbers = environment.companies[code].numbers
        for name, value in company.number_sequence.model_dump(exclude_none=True).items():
            setattr(numbers, name, value)
    environment.duplicate_status = change.duplicate_status or environment.duplicate_status
    environment.page_size = change.page_size or environment.page_size
