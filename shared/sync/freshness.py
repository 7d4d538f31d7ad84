"""Decides from what is known whether a change needs a look now: a pure function."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid5

from shared.model.change import AccountChange, ChangeKind, Source, slot_start
from shared.model.state import SyncState


@dataclass(frozen=True, slots=True)
class Proceed:
    """Look now."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another invocation is writing this account until then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Covered:
    """The account was read after this change was committed."""


@dataclass(frozen=True, slots=True)
class Merged:
    """One later look serves this change and every other of its burst."""

    look: AccountChange
    due: datetime


type Freshness = Proceed | Busy | Covered | Merged


@dataclass(frozen=True, slots=True)
class Margins:
    """`settle`: how long a burst may settle; `transaction`: how long a change may stay uncommitted."""

    settle: timedelta
    transaction: timedelta


def judge(change: AccountChange, state: SyncState | None, now: datetime, margins: Margins) -> Freshness:
    """What to do with the change, given the account's state."""
    if state is None:
        return Proceed()
    if state.lease is not None and state.lease.until > now:
        return Busy(state.lease.until)
    if _covered(change, state, margins):
        return Covered()
    if _in_burst(change, state, now, margins):
        return _merged(change, now, margins)
    return Proceed()


def _covered(change: AccountChange, state: SyncState, margins: Margins) -> bool:
    """A system job is created inside its transaction, so the change may be committed later than it says."""
    return (
        change.source.is_dataverse
        and change.kind is not ChangeKind.DELETE
        and state.settled
        and state.read_at is not None
        and state.read_at - margins.transaction > change.occurred_at
    )


def _in_burst(change: AccountChange, state: SyncState, now: datetime, margins: Margins) -> bool:
    return (
        change.source.is_dataverse
        and change.kind is not ChangeKind.DELETE
        and change.hop == 0
        and state.read_at is not None
        and abs(now - state.read_at) < margins.settle
    )


def _merged(change: AccountChange, now: datetime, margins: Margins) -> Merged:
    """The look's message id is made of account and slot, so that the broker drops all but one of them."""
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
