"""Holds what is stored about an account, and decides whether a change needs a check now.

The decision is a pure function of the change and the account's state: that of its row, or one that this
process remembers. `Work` holds the state while the account is checked.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4, uuid5

from shared.model.change import AFTER_COMMIT, FROM_DATAVERSE, AccountChange, ChangeKind, Source, slot_start
from shared.model.customer import CustomerKey
from shared.model.state import Lease, Phase, Stored, SyncState, in_this_erp
from shared.ports import AccountStates, Clock
from shared.telemetry import SPAN

_MOST = 2_000  # states that are remembered, of some kilobytes each
_BUSY = timedelta(seconds=2)  # the first wait; doubled with every send of the message
_HOPS = 10
_LONGEST = timedelta(minutes=1)  # an event of an account that has passed to another worker meanwhile waits
# A check that the app started may follow what changed the row.
_ASKERS = FROM_DATAVERSE | {Source.BURST}


@dataclass(frozen=True, slots=True)
class Proceed:
    """Check the account now."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Wait until then: another invocation holds the lease of this account.

    One that is alive is done within seconds, so the first wait is short. The lease of one that died counts to
    its end.
    """

    until: datetime


@dataclass(frozen=True, slots=True)
class Covered:
    """Do nothing: the account was read after this change was committed, or its first check is to come."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Queue one later check that serves this change and all others of its burst."""

    look: AccountChange
    due: datetime


# Sources whose changes have the time of an event.
_STAMPED = FROM_DATAVERSE | {Source.RELATED}

type Freshness = Proceed | Busy | Covered | Merged


@dataclass(frozen=True, slots=True)
class Margins:
    """`settle`: the burst delay; `transaction`: the longest time that a change may stay uncommitted."""

    settle: timedelta
    transaction: timedelta


@dataclass(frozen=True, slots=True)
class RecentStates:
    """The states of accounts; those that this process stored last are remembered: an event reads no row then.
    Nor does a check of an account of which its sender has just found no row.

    A remembered state can be older than the row. It is as if the row had been read then: what is written is
    written under its ETag, which fails if another worker was faster. What ends without a write stays true:
    the account was read when the state says so.
    """

    table: AccountStates
    clock: Clock
    _kept: OrderedDict[UUID, tuple[Stored, datetime]] = field(
        default_factory=OrderedDict[UUID, tuple[Stored, datetime]]
    )

    async def of(self, change: AccountChange) -> Stored | None:
        """Return the state of the change's account: the remembered one, if it suffices for this change."""
        stored, at = self._kept.get(change.account_id, (None, self.clock.now()))
        first = change.hop == 0 and change.source in _ASKERS and change.kind is not ChangeKind.DELETE
        if stored is not None and first and self.clock.now() - at <= _LONGEST:
            return stored
        if change.no_row and change.hop == 0 and stored is None:
            return None
        self.forget(change.account_id)
        return await self.table.get(change.account_id)

    def keep(self, stored: Stored) -> None:
        """Remember what was stored, if the account is in step and nothing of it is open."""
        state = stored.state
        if not state.settled or state.phase is not Phase.SYNCED:
            return
        self._kept[state.account_id] = stored, self.clock.now()
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def remembers(self, account_id: UUID) -> bool:
        """Whether the account's row was not read for the work at hand."""
        return account_id in self._kept

    def forget(self, account_id: UUID) -> None:
        """Read the row for the next event of the account."""
        self._kept.pop(account_id, None)


@dataclass(slots=True)
class Work:
    """One invocation's hold on an account's state.

    `in_flight`: a write was sent and its answer is not known; `unknown_added`: a verifying check must follow;
    `leaves_no_row`: Dataverse does not know the account, and neither does the table; `linked_anew`: the
    account's customer was in another ERP; `counted`: a creation is counted, and none was sent yet.
    """

    change: AccountChange
    states: AccountStates
    state: SyncState
    etag: str | None
    owner: UUID
    in_flight: bool = False
    unknown_added: bool = False
    leaves_no_row: bool = False
    linked_anew: bool = False
    counted: bool = False

    @classmethod
    def on(cls, change: AccountChange, states: AccountStates, stored: Stored | None) -> "Work":
        """The work on a change, from what is stored about its account."""
        nothing_known = SyncState(account_id=change.account_id, organization_id=change.organization_id)
        state = stored.state if stored else nothing_known
        return cls(change, states, state, stored.etag if stored else None, owner=uuid4())

    def take_over(self, now: datetime, longest_request: float) -> None:
        """Whoever held the lease before us is gone; what it sent may still commit."""
        if self.state.lease is not None:
            self.state = replace(self.state, lease=None)
            self.outcome_is_unknown(now, longest_request)

    def outcome_is_unknown(self, now: datetime, longest_request: float) -> None:
        """From now on nothing that was sent is certain, until a check after the longest request's end."""
        until = now + timedelta(seconds=longest_request)
        known = self.state.unknown_until
        self.state = replace(self.state, unknown_until=max(until, known) if known else until)
        self.unknown_added = True

    def link_anew(self, adopted_at: datetime) -> None:
        """Forget a customer that is in the ERP that was in use before `adopted_at`."""
        known, self.state = self.state, in_this_erp(self.state, adopted_at)
        self.linked_anew = self.state is not known

    @SPAN("claim")
    async def claim(self, until: datetime, intent: CustomerKey | None, begun: tuple[str, ...] = ()) -> None:
        """Write down, before anything is sent, who is writing what. Raises StateConflict."""
        self.state = replace(self.state, lease=Lease(self.owner, until), intent=intent, begun=begun)
        await self.store()

    async def store(self) -> None:
        """Store the state as it is. Raises StateConflict if another worker came in between."""
        self.etag = await self.states.put(self.state, self.etag)

    def verifying_check(self) -> AccountChange:
        """A check that clears up what this invocation leaves unknown."""
        return self.change.check(Source.HEAL, verify=True)


def judge(change: AccountChange, state: SyncState | None, now: datetime, margins: Margins) -> Freshness:
    """Decide what to do with the change, given the account's state."""
    if state is None:
        # A related change begins no account: the first check, whenever it comes, reads it as it is then.
        return Covered() if change.source is Source.RELATED else Proceed()
    if state.lease is not None and state.lease.until > now:
        return Busy(min(state.lease.until, now + _BUSY * 2 ** min(change.hop, _HOPS)))
    if change.source in AFTER_COMMIT and _was_read_since(change, state):
        return Covered()
    if change.source not in _STAMPED or change.kind is ChangeKind.DELETE or state.read_at is None:
        return Proceed()
    # Dataverse stamps the event inside its transaction, so the change may be committed later than it says.
    # Only the times count: a change of a related row leaves the account's version as it is.
    if state.read_at - margins.transaction > change.occurred_at and state.settled:
        return Covered()
    if change.source in FROM_DATAVERSE and change.hop == 0 and abs(now - state.read_at) < margins.settle:
        return _merged(change, now, margins)
    return Proceed()


def _was_read_since(check: AccountChange, state: SyncState) -> bool:
    """Whether the account was read after what the check is about was committed; both are times of Sales."""
    read = state.read_at is not None and state.read_at > check.occurred_at
    return read and state.settled and check.kind is not ChangeKind.DELETE


def _merged(change: AccountChange, now: datetime, margins: Margins) -> Merged:
    """Make the burst's check. Its message id is made of account and slot, so the broker keeps one of them."""
    slot = slot_start(now, margins.settle)
    look = replace(
        change.check(
            Source.BURST,
            verify=False,
            operation_id=uuid5(change.account_id, f"burst {slot.isoformat()} {margins.settle}"),
        ),
        occurred_at=slot,
    )
    return Merged(look, slot + 2 * margins.settle)
