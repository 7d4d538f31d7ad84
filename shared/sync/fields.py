"""Decides which fields to send: values that the ERP does not have yet, and the hold (blocking field). Pure.

The hold is released only if we set it and nobody changed it since. A release restores the value before ours.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from shared.model.customer import Customer, FieldValue, Fingerprints
from shared.model.map_sections import Hold
from shared.model.state import SyncState

NO_FIELDS: Mapping[str, FieldValue] = MappingProxyType({})


def unknown_is_over(state: SyncState, now: datetime) -> bool:
    """Whether an outcome was unknown and no request can commit any more. A read must then show the result."""
    return state.unknown_until is not None and now >= state.unknown_until


def not_confirmed(
    fields: Mapping[str, FieldValue], state: SyncState, fingerprints: Fingerprints
) -> dict[str, FieldValue]:
    """Return the fields that differ from the confirmed values, or all fields while an outcome is unknown."""
    if state.unknown_until is not None or state.fingerprint_key != fingerprints.key_id:
        return dict(fields)
    prints = fingerprints.of_all(fields)
    return {name: value for name, value in fields.items() if state.confirmed.get(name) != prints[name]}


def differing(
    fields: Mapping[str, FieldValue], found: Customer, fingerprints: Fingerprints
) -> dict[str, FieldValue]:
    """Return the fields that differ from the customer as read from the ERP."""
    theirs = found.fields
    return {
        name: value for name, value in fields.items() if not fingerprints.same(name, value, theirs.get(name))
    }


def kept_by_erp(
    differ: Mapping[str, FieldValue], state: SyncState, found: Customer | None, fingerprints: Fingerprints
) -> dict[str, FieldValue]:
    """Return the fields that need not be sent again: the ERP still has the value with which it replaced ours.

    `differ` are the fields whose values the ERP does not have.
    """
    if not state.replaced or state.unknown_until is not None:
        return {}
    kept = {name: value for name, value in differ.items() if name in state.replaced}
    return {
        name: value
        for name, value in kept.items()
        if state.replaced[name] == fingerprints.of(name, value)
        and (found is None or state.confirmed.get(name) == fingerprints.of(name, found.fields.get(name, "")))
    }


def completed(
    send: Mapping[str, FieldValue], fields: Mapping[str, FieldValue], together: Sequence[str]
) -> dict[str, FieldValue]:
    """Return the fields to send, with all fields that are sent together with one of them, in their order."""
    if send.keys().isdisjoint(together):
        return dict(send)
    return {**{name: fields[name] for name in together if name in fields}, **send}


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """The hold to send with the other fields, if any, and the previous value to store from now on."""

    fields: Mapping[str, FieldValue]
    previous: str | None
    releasing: bool = False


def must_look(state: SyncState, hold: Hold, fingerprints: Fingerprints, *, wanted: bool) -> bool:
    """Whether the customer must be read from the ERP before the hold can be planned."""
    if not wanted:
        return state.previous_hold is not None
    known = state.confirmed.get(hold.field)
    return state.previous_hold is None and known != fingerprints.of(hold.field, hold.blocked)


def plan_hold(state: SyncState, hold: Hold, found: Customer | None, *, wanted: bool) -> HoldPlan:
    """Plan the hold. `found` is the customer as read from the ERP, if `must_look` asked for it.

    While an outcome is unknown, a release is sent whatever the ERP's value is now, and stays stored until the
    unknown outcome is over. So a block that commits late is released too.
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
    state: SyncState,
    fields: Mapping[str, FieldValue],
    names: Collection[str],
    prints: Fingerprints,
    sent: Mapping[str, FieldValue] = NO_FIELDS,
) -> SyncState:
    """Return the state after these fields were written or read; `names` are all mapped fields.

    The confirmed values of other fields stay as they are. `sent` are the values that were sent: where the ERP
    answered another value, both are remembered.
    """
    new = prints.of_all(fields)
    known = new if fields.keys() >= set(names) else {**state.confirmed, **new}
    still = {
        name: value for name, value in state.replaced.items() if known.get(name) == state.confirmed.get(name)
    }
    replaced = {**still, **prints.of_all(sent)}
    return replace(
        state,
        confirmed=known,
        fingerprint_key=prints.key_id,
        replaced={name: value for name, value in replaced.items() if known.get(name) != value},
    )


def after_look(
    state: SyncState, now: datetime, found: Customer | None, names: Collection[str], prints: Fingerprints
) -> SyncState:
    """Return the state after a read of the customer. It ends an unknown outcome that is over.

    The values read then replace all confirmed values, because a late request may have overwritten any of
    them, also fields that this check does not compare, as when it only blocks the customer.
    """
    if not unknown_is_over(state, now):
        return state
    state = replace(state, unknown_until=None, begun=state.begun if found else ())
    if found is None:
        return replace(state, confirmed={}, replaced={})
    return replace(confirmed(state, found.fields, names, prints), confirmed=prints.of_all(found.fields))


def released(state: SyncState, hold: Hold) -> SyncState:
    """Return the state after our block of the customer was released."""
    others = {name: value for name, value in state.confirmed.items() if name != hold.field}
    return replace(state, previous_hold=None, confirmed=others)
