"""Which fields to send: what is not known to stand in the ERP, and the field that blocks a customer. Pure.

The blocking field is released only if we set it and it is still ours, back to what it was before.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.model.customer import Customer, FieldValue, Fingerprints, same_value
from shared.model.field_map import Hold
from shared.model.state import SyncState


def unknown_is_over(state: SyncState, now: datetime) -> bool:
    """Whether no request of ours can commit any more; what the last ones did still has to be seen."""
    return state.unknown_until is not None and now >= state.unknown_until


def not_confirmed(
    fields: Mapping[str, FieldValue], state: SyncState, fingerprints: Fingerprints
) -> dict[str, FieldValue]:
    """The fields that differ from what was last confirmed; all of them while an outcome is unknown."""
    if state.unknown_until is not None or state.fingerprint_key != fingerprints.key_id:
        return dict(fields)
    return {
        name: value
        for name, value in fields.items()
        if state.confirmed.get(name) != fingerprints.of(name, value)
    }


def differing(fields: Mapping[str, FieldValue], found: Customer) -> dict[str, FieldValue]:
    """The fields that differ from what was seen in the ERP."""
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
    until the unknown outcome is over: a late block must not outlive it.
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


def confirmed(
    state: SyncState, fields: Mapping[str, FieldValue], names: Collection[str], prints: Fingerprints
) -> SyncState:
    """The state once these fields were written or seen; `names` are all that a body holds.

    Of fields that were not written nothing new is known.
    """
    new = prints.of_all(fields)
    known = new if fields.keys() >= set(names) else {**state.confirmed, **new}
    return replace(state, confirmed=known, fingerprint_key=prints.key_id)


def after_look(
    state: SyncState, now: datetime, found: Customer | None, names: Collection[str], prints: Fingerprints
) -> SyncState:
    """The state once a customer was looked at: at the end of an unknown outcome, what is seen is confirmed.

    What was confirmed before may have been overwritten by a late request, also in fields that nobody compares
    now, as when the customer is only blocked.
    """
    if not unknown_is_over(state, now):
        return state
    state = replace(state, unknown_until=None, begun=state.begun if found else (), confirmed={})
    return confirmed(state, found.fields, names, prints) if found is not None else state


def released(state: SyncState, hold: Hold) -> SyncState:
    """The state once the customer is not blocked by us any more."""
    others = {name: value for name, value in state.confirmed.items() if name != hold.field}
    return replace(state, previous_hold=None, confirmed=others)
