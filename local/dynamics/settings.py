"""Settings of behaviour that may change while the simulators run."""

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from local.dynamics.events.notifier import Routing
from local.dynamics.metadata import FieldFault
from local.dynamics.systems import Systems, by_erp


class SettingsChange(BaseModel):
    """The body of `POST /settings`; what is left out stays.

    `latency_ms`: by system, how much longer every answer takes. `metadata`: by system and field, what is
    wrong with its metadata, instead of what was before. The settings of an ERP stand under its name, those of
    Operations may stand by themselves. `track_changes` is change tracking of accounts;
    `expire_delta_links` lets all links that were given out so far expire. `unreadable` are the tables of
    Sales that the app has no privilege to read.
    """

    model_config = ConfigDict(extra="allow")

    via: Routing | None = None
    workers: int | None = Field(default=None, ge=1, le=64)
    retry_first_seconds: float | None = Field(default=None, gt=0)
    retry_cap_seconds: float | None = Field(default=None, gt=0)
    latency_ms: dict[str, NonNegativeFloat] = Field(default_factory=dict[str, float])
    metadata: dict[str, dict[str, FieldFault]] = Field(default_factory=dict[str, dict[str, FieldFault]])
    seed: int | None = None
    track_changes: bool | None = None
    expire_delta_links: bool = False
    unreadable: list[str] | None = None


def apply_settings(systems: Systems, change: SettingsChange) -> None:
    """Put a change into effect; raise `ValueError`."""
    unknown = {*change.latency_ms, *change.metadata} - systems.latency.keys()
    if unknown:
        raise ValueError(f"There is no system {sorted(unknown)}.")
    for erp, settings in by_erp(systems, change.model_extra):
        erp.change(settings)
    systems.latency.update(change.latency_ms)
    for system, faults in change.metadata.items():
        planted = systems.planted(system)
        planted.clear()
        planted.update(faults)
    _apply_events(systems, change)
    if change.seed is not None:
        systems.faults.seed(change.seed)
    if change.track_changes is not None:
        systems.dataverse.track("account", on=change.track_changes)
    if change.expire_delta_links:
        systems.dataverse.tracking.expire_all()
    if change.unreadable is not None:
        systems.dataverse.unreadable = set(change.unreadable)


def _apply_events(systems: Systems, change: SettingsChange) -> None:
    jobs, notifier = systems.jobs, systems.notifier
    notifier.via = change.via or notifier.via
    jobs.workers = change.workers or jobs.workers
    jobs.intervals.first = change.retry_first_seconds or jobs.intervals.first
    jobs.intervals.cap = change.retry_cap_seconds or jobs.intervals.cap
