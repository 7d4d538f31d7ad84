"""Settings of behaviour that may change while the simulators run: a partial change enters, the whole set
leaves.
"""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from local.dynamics.dataverse.store import Origin
from local.dynamics.events.notifier import Routing
from local.dynamics.events.steps import names
from local.dynamics.operations.environment import Company
from local.dynamics.systems import Systems


class Sequence(BaseModel):
    """A company's customer account sequence; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    prefix: str | None = None
    digits: int | None = Field(default=None, ge=1, le=20)
    next: int | None = Field(default=None, ge=0)
    manual: bool | None = None


class CompanyChange(BaseModel):
    """A legal entity; made when it is not there yet (then `currency` is needed)."""

    model_config = ConfigDict(extra="forbid")

    currency: str | None = None
    number_sequence: Sequence | None = None
    references: dict[str, list[str]] | None = None


class LatencyChange(BaseModel):
    """Milliseconds that every answer of a system takes longer."""

    model_config = ConfigDict(extra="forbid")

    dataverse: float | None = Field(default=None, ge=0)
    operations: float | None = Field(default=None, ge=0)


class SettingsChange(BaseModel):
    """The body of `POST /settings`; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    via: Routing | None = None
    filtering_attributes: list[str] | None = None
    utc_offset_minutes: int | None = Field(default=None, ge=-840, le=840)
    workers: int | None = Field(default=None, ge=1, le=64)
    retry_first_seconds: float | None = Field(default=None, gt=0)
    retry_cap_seconds: float | None = Field(default=None, gt=0)
    latency_ms: LatencyChange | None = None
    seed: int | None = None
    change_tracking_days: float | None = Field(default=None, ge=0, le=365)
    default_company: str | None = None
    duplicate_status: int | None = Field(default=None, ge=400, le=599)
    page_size: int | None = Field(default=None, ge=1, le=10_000)
    read_only_fields: list[str] | None = None
    companies: dict[str, CompanyChange] | None = None


def apply_settings(systems: Systems, change: SettingsChange) -> None:
    """Put a change into effect; raises ValueError."""
    _apply_events(systems, change)
    _apply_operations(systems, change)
    if change.latency_ms is not None:
        for name, value in change.latency_ms.model_dump(exclude_none=True).items():
            setattr(systems.latency, name, value)
    if change.change_tracking_days is not None:
        systems.dataverse.tracking.lifetime = timedelta(days=change.change_tracking_days)
    if change.seed is not None:
        systems.faults.seed(change.seed)


def _apply_events(systems: Systems, change: SettingsChange) -> None:
    jobs, notifier = systems.jobs, systems.notifier
    notifier.via = change.via or notifier.via
    jobs.workers = change.workers or jobs.workers
    jobs.intervals.first = change.retry_first_seconds or jobs.intervals.first
    jobs.intervals.cap = change.retry_cap_seconds or jobs.intervals.cap
    if change.utc_offset_minutes is not None:
        notifier.utc_offset = timedelta(minutes=change.utc_offset_minutes)
    if change.filtering_attributes is not None:
        set_filtering_attributes(systems, change.filtering_attributes)


def set_filtering_attributes(systems: Systems, columns: list[str]) -> None:
    """Give all Update steps their filtering attributes; an empty list means every update fires."""
    store = systems.store
    table = store.tables["sdkmessageprocessingstep"]
    with store.transaction():
        for row in list(store.rows(table.name).values()):
            message = store.rows("sdkmessage").get(row.get("sdkmessageid") or "")
            if message is not None and message.get("name") == "Update":
                store.update(table, row, {"filteringattributes": ",".join(columns) or None}, Origin())


def filtering_attributes(systems: Systems) -> list[str]:
    """The filtering attributes of the first Update step; empty when there is none."""
    store = systems.store
    for row in store.rows("sdkmessageprocessingstep").values():
        message = store.rows("sdkmessage").get(row.get("sdkmessageid") or "")
        if message is not None and message.get("name") == "Update":
            return sorted(names(row.get("filteringattributes")))
    return []


def _apply_operations(systems: Systems, change: SettingsChange) -> None:
    environment = systems.environment
    for code, company in (change.companies or {}).items():
        _apply_company(environment.companies, code.lower(), company)
    if change.default_company is not None:
        if change.default_company.lower() not in environment.companies:
            raise ValueError(
                f"There is no legal entity {change.default_company}; add it under companies first."
            )
        environment.default_company = change.default_company.lower()
    environment.duplicate_status = change.duplicate_status or environment.duplicate_status
    environment.page_size = change.page_size or environment.page_size
    if change.read_only_fields is not None:
        environment.read_only = set(change.read_only_fields)


def _apply_company(companies: dict[str, Company], code: str, change: CompanyChange) -> None:
    if code not in companies:
        companies[code] = Company(change.currency or "USD")
    company = companies[code]
    company.currency = change.currency or company.currency
    for name, values in (change.references or {}).items():
        company.references[name] = set(values)
    if change.number_sequence is not None:
        for name, value in change.number_sequence.model_dump(exclude_none=True).items():
            setattr(company.numbers, name, value)


def read_settings(systems: Systems) -> dict[str, Any]:
    """All settings as they are now."""
    environment, jobs, notifier = systems.environment, systems.jobs, systems.notifier
    return {
        "via": notifier.via,
        "filtering_attributes": filtering_attributes(systems),
        "utc_offset_minutes": round(notifier.utc_offset.total_seconds() / 60),
        "workers": jobs.workers,
        "retry_first_seconds": jobs.intervals.first,
        "retry_cap_seconds": jobs.intervals.cap,
        "latency_ms": {"dataverse": systems.latency.dataverse, "operations": systems.latency.operations},
        "change_tracking_days": systems.dataverse.tracking.lifetime / timedelta(days=1),
        "default_company": environment.default_company,
        "duplicate_status": environment.duplicate_status,
        "page_size": environment.page_size,
        "read_only_fields": sorted(environment.read_only),
        "companies": {
            code: {
                "currency": company.currency,
                "number_sequence": {
                    "prefix": company.numbers.prefix,
                    "digits": company.numbers.digits,
                    "next": company.numbers.next,
                    "manual": company.numbers.manual,
                },
                "references": {name: sorted(values) for name, values in company.references.items()},
            }
            for code, company in environment.companies.items()
        },
    }
