"""All ports of the app in one place: what the adapters provide, and what tests replace."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.model.faults import System
from shared.ports import (
    AccountReader,
    ChangeQueue,
    Clock,
    CurrencyMappings,
    CustomerOwners,
    Issues,
    RejectedEvents,
    SyncStates,
    Target,
)
from shared.ports.recovery import (
    Allowances,
    Bookmarks,
    BreakerRows,
    ChangeBatches,
    HandledMappings,
    IssueList,
    Leftovers,
    MappingRows,
    Probe,
    StateScan,
)
from shared.ports.waiting import ProbeAnswers, WaitingWork
from shared.resilience.retry_policy import Jitter


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The adapters, each behind its port; some serve two."""

    clock: Clock
    jitter: Jitter
    reader: AccountReader
    target: Target
    mappings: CurrencyMappings
    mapping_rows: MappingRows
    states: SyncStates
    state_scan: StateScan
    owners: CustomerOwners
    issues: Issues
    issue_list: IssueList
    breaker_rows: BreakerRows
    allowances: Allowances
    handled: HandledMappings
    waiting: WaitingWork
    probe_answers: ProbeAnswers
    bookmarks: Bookmarks
    queue: ChangeQueue
    batches: ChangeBatches
    rejected: RejectedEvents
    leftovers: Leftovers
    probes: Mapping[System, Probe]
