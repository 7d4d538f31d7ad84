"""The hold: how the customer of a deleted or deactivated account is blocked, and released again. Pure.

The hold is a field like any other. It is released only if we set it and it is still ours, back to what it
was before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.model.customer import Customer, FieldValue
from shared.model.field_map import Hold
from shared.model.fingerprint import Fingerprints
from shared.model.sync_state import SyncState


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """The hold field to be sent with the rest, if any, and the previous value to remember from now on."""

    fields: Mapping[str, FieldValue]
    previous: str | None
    releasing: bool = False


def must_look(state: SyncState, hold: Hold, fingerprints: Fingerprints, *, wanted: bool) -> bool:
    """Whether the hold cannot be planned without seeing the customer first."""
    if not wanted:
        return state.previous_hold is not None
    known = state.confirmed.get(hold.target)
    return state.previous_hold is None and known != fingerprints.of(hold.target, hold.blocked)


def plan_hold(state: SyncState, hold: Hold, found: Customer | None, *, wanted: bool) -> HoldPlan:
    """What to do about the hold. `found` is the customer as seen, where `must_look` asked for it.

    While a request of ours may still commit, a release is sent whatever stands there now, and remembered
    until the doubt is over: a late block must not outlive it.
    """
    standing = str(found.fields.get(hold.target, "")) if found else None
    previous = state.previous_hold
    if wanted:
        if previous is None and standing is not None and standing != hold.blocked:
            previous = standing
        return HoldPlan({hold.target: hold.blocked}, previous)
    if previous is None:
        return HoldPlan({}, None)
    if state.doubtful_until is not None:
        return HoldPlan({hold.target: previous}, previous, releasing=True)
    if standing == hold.blocked:
        return HoldPlan({hold.target: previous}, previous, releasing=True)
    return HoldPlan({}, None)
