"""Which fields to send: what is not known to stand in the ERP, and the field that blocks a customer. Pure.

The blocking field is released only if we set it and it is still ours, back to what it was before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.model.customer import Customer, FieldValue, Fingerprints, same_value
from shared.model.field_map import Hold
from shared.model.state import SyncState


def not_confirmed(
    fields: Mapping[str, FieldValue], state: SyncState, fingerprints: Fingerprints
) -> dict[str, FieldValue]:
    """The fields that differ from what was last confirmed; all of them while anything is in doubt."""
    if state.unknown_until is not None or state.fingerprint_key != fingerprints.key_id:
        return dict(fields)
    return {
        name: value
        for name, value in fields.items()
        if state.confirmed.get(name) != fingerprints.of(name, value)
    }


def differing(fields: Mapping[str, FieldValue], found: Customer) -> dict[str, FieldValue]:
    """The fields that differ from what was seen in Operations."""
    return {name: value for name, value in fields.items() if not same_value(value, found.fields.get(name))}


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
    known = state.confirmed.get(hold.field)
    return state.previous_hold is None and known != fingerprints.of(hold.field, hold.blocked)


def plan_hold(state: SyncState, hold: Hold, found: Customer | None, *, wanted: bool) -> HoldPlan:
    """What to do about the hold. `found` is the customer as seen, where `must_look` asked for it.

    While a request of ours may still commit, a release is sent whatever stands there now, and remembered
    until the doubt is over: a late block must not outlive it.
    """
    standing = str(found.fields.get(hold.field, "")) if found else None
    previous = state.previous_hold
    if wanted:
        if previous is None and standing is not None and standing != hold.blocked:
            previous = standing
        return HoldPlan({hold.field: hold.blocked}, previous)
    if previous is None:
        return HoldPlan({}, None)
    if state.unknown_until is not None:
        return HoldPlan({hold.field: previous}, previous, releasing=True)
    if standing == hold.blocked:
        return HoldPlan({hold.field: previous}, previous, releasing=True)
    return HoldPlan({}, None)
